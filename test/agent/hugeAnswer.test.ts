import { expect, it } from 'vitest';
import { createClient, UnreachableError } from '#protocol/client.js';

/** An answer that does not end, and how much of it was taken. */
function endlessAnswer() {
  const sent = { bytes: 0 };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent.bytes += 65_536;
      if (sent.bytes > 50_000_000) controller.close();
      else controller.enqueue(new Uint8Array(65_536).fill(0x20));
    },
  });
  return { sent, fetch: async () => new Response(body) };
}

it('reads no more of an answer than it may', async () => {
  const { sent, fetch } = endlessAnswer();
  const client = createClient({ baseUrl: 'http://x', fetch, timeoutMs: 5_000, answerBytesMax: 1_000_000 });
  await expect(client.call('getMarket', {})).rejects.toBeInstanceOf(UnreachableError);
  expect(sent.bytes).toBeLessThan(2_000_000);
});
