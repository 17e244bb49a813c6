/** What a step came to. */
export interface StepOutcome {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null
  /** All that it printed. */
  readonly output: string
}

/** How to run steps. */
export interface StepsOptions {
  /** How many run at a time. */
  readonly lanes: number
  readonly run: (name: string) => Promise<StepOutcome>
  /** Prints a line, or the lines of a step that failed. */
  readonly say: (text: string) => void
}

/**
 * Runs steps that do not depend on each other, all of them, whatever fails: who mends one thing should know of the
 * others. Says one line for each when it ends: its name, its time, and the last line that it printed. What a failed
 * step printed comes in whole.
 *
 * @returns the names of those that failed
 */
export async function runSteps(names: readonly string[], { lanes, run, say }: StepsOptions): Promise<string[]> {
  const waiting = [...names]
  const failed: string[] = []
  const width = Math.max(...names.map((name) => name.length))
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const begun = performance.now()
      const { code, output } = await run(name)
      const time = `${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s`
      const lines = output.split('\n').filter((line) => line.trim() !== '')
      if (code === 0) say(`✓ ${name.padEnd(width)} ${time}  ${lines.at(-1)?.trim() ?? ''}`.trimEnd())
      else {
        failed.push(name)
        const ending = code === null ? 'was ended by a signal' : 'failed'
        say([`✗ ${name.padEnd(width)} ${time}  ${ending}`, ...lines.map((line) => `    ${line}`)].join('\n'))
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, work))
  return names.filter((name) => failed.includes(name))
}
