/**
 * Runs work that depends on nodes: its signal also aborts when one of `losses` fires, and then the reason of that one is
 * thrown, so that a node that hangs holds nobody up.
 */
export async function untilLost<T>(
  losses: readonly AbortSignal[],
  signal: AbortSignal,
  work: (scope: AbortSignal) => Promise<T>,
): Promise<T> {
  const scope = AbortSignal.any([signal, ...losses]);
  try {
    return await work(scope);
  } catch (error) {
    const lost = losses.find((loss) => loss.aborted);
    throw lost === undefined || signal.aborted ? error : lost.reason;
  }
}
