import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { PAGE_MAX } from '#protocol/views.js';
import { LogWatch } from './check/logWatch.js';
import { useWatch } from './check/useWatch.js';
import { client } from './data/client.js';
import { live } from './data/live.js';
import { MarketContext, type MarketFacts } from './data/marketContext.js';
import { readOverviewAhead } from './data/overview.js';
import { findPlace, hrefs, type Place, placeOf, usePlace } from './data/place.js';
import { ProverNames } from './data/proverNames.js';
import { useData } from './data/useData.js';
import { useLive } from './data/useLive.js';
import { Boundary } from './parts/boundary.js';
import { fetchViews, lazyView } from './parts/lazyView.js';
import { Notice } from './parts/notice.js';
import { MarketOverview } from './views/marketOverview.js';
import { SuccessionNotice } from './views/successionNotice.js';

const BlockView = lazyView(() => import('./views/blockView.js').then((views) => views.BlockView));
const LogView = lazyView(() => import('./views/logView.js').then((views) => views.LogView));
const ProverPage = lazyView(() => import('./views/proverPage.js').then((views) => views.ProverPage));
const RequesterPage = lazyView(() => import('./views/requesterPage.js').then((views) => views.RequesterPage));
const RoundPage = lazyView(() => import('./views/roundPage.js').then((views) => views.RoundPage));

/** How often the clock and the size of the log are asked for, beside the feed, in milliseconds. */
const LOOK_MS = 15_000;

/** The programs of the views that are not shown are fetched when the first one must stand, in milliseconds. */
const FETCH_VIEWS_AFTER_MS = 3_000;

/** Entries that change what all views need. */
const FACTS_OF: ReadonlySet<string> = new Set(['proverRegistered', 'parametersSet', 'logOpened']);

const CONNECTION = {
  connecting: '○ Connecting',
  live: '● Live',
  broken: '○ Reconnecting…',
  paused: '○ Paused',
} as const;

/** The frame of the page: reads what all views need, follows the feed, watches the log. */
export function App() {
  const facts = useData('market', readFacts, ({ type }) => FACTS_OF.has(type));
  const { reload, value } = facts;
  useEffect(() => {
    const timer = setInterval(reload, LOOK_MS);
    return () => clearInterval(timer);
  }, [reload]);
  if (!value) {
    return (
      <main>
        <Notice of={facts} what="the market" />
      </main>
    );
  }
  return (
    <MarketContext.Provider value={value}>
      <Frame facts={value} key={value.line} />
    </MarketContext.Provider>
  );
}

async function readFacts(): Promise<MarketFacts> {
  const seen = live.newest;
  const [market, { provers }] = await Promise.all([
    client.call('getMarket', {}),
    client.call('listProvers', { query: { limit: PAGE_MAX } }),
  ]);
  // Not before the log's size is known: from there on the stream tells of all that changes what is read.
  if (shown === null && placeOf(location.hash).view === 'market') readOverviewAhead();
  const line = await lineOf(market.logKey);
  live.follow(line, market.treeSize, seen);
  return { market, line, clockAheadMs: market.nowMs - Date.now(), names: new ProverNames(provers) };
}

let shown: { logKey: string; line: string } | null = null;

/**
 * What stays the same while a market goes on from log to log: the key of the log that this page began with. By the
 * coordinator's word, because only what is kept of the views hangs on it; whether logs follow one another is checked apart.
 */
async function lineOf(logKey: string): Promise<string> {
  if (shown && shown.logKey !== logKey) {
    const { logKey: before, line } = shown;
    const { logs } = await client.call('listLogs', {});
    shown = { logKey, line: logs.some((log) => log.logKey === before) ? line : logKey };
  }
  shown ??= { logKey, line: logKey };
  return shown.line;
}

function Frame({ facts: { market } }: { facts: MarketFacts }) {
  const place = usePlace();
  const { origin, logKey } = market;
  const watch = useMemo(() => new LogWatch(origin, logKey), [origin, logKey]);
  useEffect(() => {
    document.title = `${place.view === 'market' ? '' : `${place.view} · `}Understudy · ${origin}`;
  }, [place, origin]);
  useArrival(placeKey(place));
  useEffect(() => {
    const timer = setTimeout(fetchViews, FETCH_VIEWS_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <header class="top">
        <div>
          <a class="brand" href={hrefs.market}>
            Understudy <span>{origin}</span>
          </a>
          <nav aria-label="Views">
            <a href={hrefs.market} aria-current={place.view === 'market' ? 'page' : undefined}>
              Market
            </a>
            <a href={hrefs.log()} aria-current={place.view === 'log' ? 'page' : undefined}>
              Log
            </a>
          </nav>
          <Search />
          <State watch={watch} />
        </div>
      </header>
      <Fault watch={watch} />
      <SuccessionNotice watch={watch} logKey={logKey} origin={origin} />
      <main id="content" tabIndex={-1}>
        <Boundary key={placeKey(place)}>
          <View place={place} watch={watch} />
        </Boundary>
      </main>
      <footer>
        Times are of this machine’s time zone. The entries, awards and checkpoints shown here can be checked without
        this page: <a href="/docs">API</a>.
      </footer>
    </>
  );
}

/** The same for all that is shown in one view: jobs of a block, windows of the log. */
function placeKey(place: Place): string {
  return 'id' in place ? `${place.view} ${place.id}` : place.view;
}

/** A new view begins at its top, also for whoever goes by the keyboard: the link that led here is gone. */
function useArrival(key: string): void {
  const arrived = useRef(key);
  useEffect(() => {
    if (arrived.current === key) return;
    arrived.current = key;
    scrollTo(0, 0);
    document.getElementById('content')?.focus({ preventScroll: true });
  }, [key]);
}

/** No link: the part of the address behind # is the view's. */
function skip() {
  document.getElementById('content')?.focus();
}

function View({ place, watch }: { place: Place; watch: LogWatch }) {
  switch (place.view) {
    case 'market':
      return <MarketOverview />;
    case 'block':
      return <BlockView blockId={place.id} job={place.job} key={place.id} />;
    case 'round':
      return <RoundPage roundId={place.id} watch={watch} key={place.id} />;
    case 'prover':
      return <ProverPage address={place.id} key={place.id} />;
    case 'requester':
      return <RequesterPage address={place.id} key={place.id} />;
    case 'log':
      return <LogView index={place.index} watch={watch} />;
    case 'unknown':
      return (
        <p>There is nothing at {place.text}. A block, a round, a job, an account or an entry can be looked up above.</p>
      );
  }
}

function Search() {
  const [text, setText] = useState('');
  const [isWrong, setIsWrong] = useState(false);
  const go = (event: Event) => {
    event.preventDefault();
    const found = findPlace(text);
    setIsWrong(!found);
    if (found) {
      location.hash = found;
      setText('');
    }
  };
  return (
    <form onSubmit={go}>
      <label class="hidden" for="look-up">
        Look up a block, round, job or account by its id, or an entry by its number
      </label>
      <input
        id="look-up"
        type="search"
        placeholder="Look up an id or an entry number"
        value={text}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={isWrong}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          setIsWrong(false);
        }}
      />
      <span role="status" class="hidden">
        {isWrong ? 'This is not an id, an address or a number' : ''}
      </span>
    </form>
  );
}

/** Whether the page is live, and whether the log is sound as far as this browser has seen it. */
function State({ watch }: { watch: LogWatch }) {
  const { connection, size } = useLive();
  const { verdict, checkpoint, firstIndex } = useWatch(watch);
  return (
    <div class="state">
      <span role="status" class={connection === 'live' ? 'good' : 'warn'}>
        {CONNECTION[connection]}
      </span>
      <a href={hrefs.log()}>
        {verdict === 'broken' ? (
          <span class="bad">✕ The log does not check</span>
        ) : verdict === 'sound' && checkpoint ? (
          <>✓ Log checked: {firstIndex + checkpoint.size} entries</>
        ) : (
          <>Log: {size ?? '–'} entries</>
        )}
      </a>
    </div>
  );
}

function Fault({ watch }: { watch: LogWatch }) {
  const { fault } = useWatch(watch);
  if (fault === null) return null;
  return (
    <div class="alarm" role="alert">
      <p>
        <strong class="bad">The log does not check.</strong> {fault} What this page shows is the coordinator’s word
        alone.
      </p>
    </div>
  );
}
