/** Says how much of a long list is drawn, and draws more of it. */
export function More({ shown, of, onMore }: { shown: number; of: number; onMore: () => void }) {
  if (shown >= of) return null;
  return (
    <p class="row">
      <button type="button" onClick={onMore}>
        Show more
      </button>
      <span class="quiet">
        {shown} of {of} are shown.
      </span>
    </p>
  );
}
