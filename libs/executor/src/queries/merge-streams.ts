/**
 * The items of several streams in any order, each as soon as it is there. At most one item per stream is held, so slow
 * readers slow the sources. When the reader leaves early or a stream fails, `cancel` is called, which must make the others
 * end soon, and they are waited for.
 */
export async function* mergeStreams<T>(
  streams: readonly AsyncIterable<T>[],
  cancel: () => void,
): AsyncGenerator<T, void, undefined> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const pending = new Map<number, Promise<{ index: number; result: IteratorResult<T> }>>();
  const advance = (index: number) => {
    const next = iterators[index]?.next();
    if (next !== undefined)
      pending.set(
        index,
        next.then((result) => ({ index, result })),
      );
  };
  for (const index of iterators.keys()) advance(index);
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      pending.delete(index);
      if (result.done === true) continue;
      yield result.value;
      advance(index);
    }
  } finally {
    cancel();
    await Promise.allSettled([...pending.values(), ...iterators.map((iterator) => iterator.return?.())]);
  }
}
