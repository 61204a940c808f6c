/** Makes a lane in which actions run one after another, in the order in which they came, whatever becomes of each. */
export function oneAfterAnother(): <Result>(action: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const result = last.then(action, action);
    last = result.catch(() => undefined);
    return result;
  };
}
