/** `MILLRACE_CHAOS_SEED` repeats a schedule. */
export function chaosSeed(): number {
  return Number(process.env['MILLRACE_CHAOS_SEED'] ?? Date.now() % 1_000_000_007);
}

/** Prints what happens, with the seconds since the start. */
export function chaosNotes(): (text: string) => void {
  const startedAt = Date.now();
  return (text) => {
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`[chaos ${seconds} s] ${text}\n`);
  };
}
