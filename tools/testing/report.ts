import { styleText } from 'node:util'
import type { FileResult } from './test-process.ts'

type Style = Parameters<typeof styleText>[0]

/** Writes results as they come, in few lines. */
export interface Report {
  /** One line per file; failures in full, with what the file wrote. */
  file(result: FileResult, verbose: boolean): void
  /** What was skipped and what failed, then `N passed, N failed, N skipped` as the last line. Returns the exit code. */
  end(durationMs: number): number
}

/** @param write takes one line without its newline. */
export function createReport(write: (line: string) => void): Report {
  const results: FileResult[] = []
  return {
    file(result, verbose) {
      results.push(result)
      const failed = result.failures.length > 0
      const mark = failed ? paint('red', '✗') : paint('green', '✓')
      write(`${mark} ${result.file}  ${paint('gray', `${counts(result)}  ${seconds(result.durationMs)}`)}`)
      for (const failure of result.failures) {
        write(`    ${paint('red', failure.name)}  ${paint('gray', failure.place)}`)
        if (failure.detail !== '') write(indent(failure.detail, 6))
      }
      if ((failed || verbose) && result.output.trim() !== '') {
        write(paint('gray', '    what the file wrote:'))
        write(indent(result.output.trimEnd(), 6))
      }
    },
    end(durationMs) {
      const failures = results.flatMap((result) =>
        result.failures.map((failure) => ({ ...failure, file: result.file })),
      )
      const skipped = results.flatMap((result) => result.skipped.map((skip) => ({ ...skip, file: result.file })))
      const passed = results.reduce((sum, result) => sum + result.passed, 0)
      write('')
      for (const skip of skipped) write(`skipped: ${skip.file}: ${skip.name} (${skip.reason})`)
      for (const failure of failures) write(paint('red', `failed: ${failure.file}: ${failure.name}`))
      write(paint('gray', `${results.length} files in ${seconds(durationMs)}`))
      write(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`)
      return failures.length === 0 && passed > 0 ? 0 : 1
    },
  }
}

function counts(result: FileResult): string {
  const parts = [`${result.passed} passed`]
  if (result.failures.length > 0) parts.push(`${result.failures.length} failed`)
  if (result.skipped.length > 0) parts.push(`${result.skipped.length} skipped`)
  return parts.join(', ')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function indent(text: string, by: number): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : ' '.repeat(by) + line))
    .join('\n')
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
