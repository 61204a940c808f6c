import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { MarketView } from '#protocol/views.js';
import type { ProverNames } from './proverNames.js';

/** What every view needs of the market. */
export interface MarketFacts {
  market: MarketView;
  /** The same for all logs of one market, as long as the page is open. */
  line: string;
  /** The coordinator's clock less this machine's, in milliseconds. */
  clockAheadMs: number;
  names: ProverNames;
}

export const MarketContext = createContext<MarketFacts | null>(null);

/** Only below the shell, which shows nothing else before it has them. */
export function useMarket(): MarketFacts {
  return useContext(MarketContext)!;
}
