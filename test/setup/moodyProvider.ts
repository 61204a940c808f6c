/** A provider in front of a node that answers as real ones do on a bad day; everything else it passes on. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A JSON-RPC question as a client asks it. */
export interface Question {
  id: number;
  method: string;
  params: unknown[];
}

/** Answers a question badly, or leaves it: then the node is asked. */
export type Mood = (question: Question, response: ServerResponse) => 'answered' | 'passedOn';

export class MoodyProvider {
  /** Everything that it was asked. */
  readonly questions: Question[] = [];
  mood: Mood;
  readonly #server: Server;

  private constructor(server: Server, mood: Mood) {
    this.#server = server;
    this.mood = mood;
  }

  /** @param nodeUrl - the node that gives the good answers */
  static async start(nodeUrl: string, mood: Mood): Promise<MoodyProvider> {
    const server = createServer();
    const provider = new MoodyProvider(server, mood);
    server.on('request', (request, response) => {
      provider.#answer(nodeUrl, request, response).catch((error) => response.destroy(error as Error));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(nodeUrl: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const question = JSON.parse(body) as Question;
    this.questions.push(question);
    if (this.mood(question, response) === 'answered') return;
    const answer = await fetch(nodeUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Blocks that a question for events spans; 0 for other questions. */
export function spanOf({ method, params }: Question): number {
  if (method !== 'eth_getLogs') return 0;
  const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
  return Number(toBlock) - Number(fromBlock) + 1;
}

/** Answers with an error of JSON-RPC. */
export function rpcError(code: number, message: string, status = 200, headers: Record<string, string> = {}) {
  return ({ id }: Question, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
  };
}
