/** Where log lines go: the part of a stream that a logger needs. */
export interface LineWriter {
  write(line: string): unknown
}

/**
 * Lines of JSON for people at a terminal: `12:30:01.120 INFO  message key=value`, an error's stack below it.
 * A line that is not JSON passes as it is.
 */
export function prettyLines(out: LineWriter): LineWriter {
  return { write: (line) => out.write(prettyLine(line)) }
}

function prettyLine(line: string): string {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    return line
  }
  if (typeof record !== 'object' || record === null) return line
  const { time, level, msg, err, ...rest } = record as Record<string, unknown>
  const clock = typeof time === 'string' ? time.slice(11, 23) : String(time ?? '')
  const pairs = Object.entries(rest).map(([name, value]) => ` ${name}=${shown(value)}`)
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(msg ?? '')}${pairs.join('')}${trouble(err)}\n`
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  return JSON.stringify(value)
}

function trouble(err: unknown): string {
  if (typeof err !== 'object' || err === null) return err === undefined ? '' : ` err=${shown(err)}`
  const { stack, cause, type, message, ...rest } = err as Record<string, unknown>
  const head = typeof stack === 'string' ? stack : `${type}: ${message}`
  const more = Object.keys(rest).length === 0 ? '' : `\n  ${JSON.stringify(rest)}`
  const because = cause === undefined ? '' : `\n  caused by:${trouble(cause)}`
  return `\n  ${head.replaceAll('\n', '\n  ')}${more}${because}`
}
