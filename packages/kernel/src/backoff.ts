/**
 * How long to wait before another attempt, in milliseconds: doubling from `minMs` to `maxMs`, and by chance between
 * half and the whole of that, so that those who failed together do not come back together.
 *
 * @param attempt from 0
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30)) * (0.5 + Math.random() / 2)
}
