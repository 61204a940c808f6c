import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Notice } from './notice.js';

const fetches: (() => Promise<unknown>)[] = [];

/**
 * A view whose program is fetched when it is first shown, so that the one that the page was opened for need not wait for
 * those of the others.
 */
export function lazyView<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let View: ComponentType<Props> | null = null;
  const fetchView = async () => {
    View ??= await load();
  };
  fetches.push(fetchView);
  return function Lazy(props: Props) {
    const [error, setError] = useState<string | null>(null);
    const [, setIsThere] = useState(View !== null);
    useEffect(() => {
      fetchView().then(
        () => setIsThere(true),
        () => setError('the coordinator may serve a newer page; reload this one'),
      );
    }, []);
    return View ? <View {...props} /> : <Notice of={{ error }} what="this view" />;
  };
}

/** Fetches the programs of all views: whoever looks at another one later need not wait, nor find it gone. */
export function fetchViews(): void {
  // One that does not come is asked for again when it is shown.
  for (const fetchView of fetches) fetchView().catch(() => undefined);
}
