/**
 * Takes the warnings of Node, which would go to stderr in lines of their own. Without `report` they still do; those of
 * kafkajs, which sets timers in the past, go nowhere.
 */
export function takeNodeWarnings(report?: (warning: Error) => void): void {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'TimeoutNegativeWarning') return;
    if (report !== undefined) report(warning);
    else for (const print of printers) print(warning);
  });
}
