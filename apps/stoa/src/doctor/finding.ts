/** How good something is. `fail`: Stoa does not start, or does harm; `warn`: it works, and somebody should know. */
type Level = 'ok' | 'warn' | 'fail'

/** What the doctor found about one thing. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly about: string
  readonly level: Level
  /** A sentence. */
  readonly text: string
  /** What to do; absent when there is nothing to do. */
  readonly advice?: string
}

/** Makes findings about one thing. */
export function findings(about: string) {
  return {
    ok: (text: string): Finding => ({ about, level: 'ok', text }),
    warn: (text: string, advice: string): Finding => ({ about, level: 'warn', text, advice }),
    fail: (text: string, advice: string): Finding => ({ about, level: 'fail', text, advice }),
  }
}

/** The message of anything thrown, on one line, without a full stop at its end. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
  return (text.split('\n')[0] as string).replace(/\.$/, '')
}
