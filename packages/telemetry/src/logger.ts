/*
 * pino writes the lines; this file decides what may be in them, `line-buffer.ts` when they leave: when `bufferBytes`
 * are full, after `flushMs` at the latest, at a fatal line, when the logger is disposed, and when the process exits.
 * What a `kill -9` loses is therefore at most `flushMs` of lines.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { isatty } from 'node:tty'
import { type Logger, objectOption, type Resolved, resolveOptions } from '@stoa/kernel'
import { type Logger as PinoLogger, pino } from 'pino'
import { LineBuffer } from './line-buffer.ts'
import { type LineWriter, prettyLines } from './pretty.ts'
import { redact, redactText } from './redaction.ts'

/** Levels from low to high. `silent` writes nothing. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** The lowest level that is written. Default `info`. */
  readonly level?: LogLevel
  /**
   * Where lines go: a file descriptor, the path of a file (appended to, its folder made), or anything with
   * `write(line)`, which gets each line at once, unbuffered. Default 1, the standard output.
   */
  readonly destination?: number | string | LineWriter
  /** Lines for people instead of JSON. Costs a parse per line and is unbuffered: for a terminal only. Default false. */
  readonly pretty?: boolean
  /** Added to every line, such as `{ service: 'stoa' }`. Default none. */
  readonly base?: object
  /**
   * How many bytes are collected before they are written. More saves system calls. 0 (each line at once) – 1 MiB;
   * default 16 384.
   */
  readonly bufferBytes?: number
  /** How long a line may wait in the buffer, in milliseconds. 10–60 000; default 250. */
  readonly flushMs?: number
  /** How many bytes may wait for a slow reader before lines are dropped. 64 KiB – 1 GiB; default 16 MiB. */
  readonly maxBufferedBytes?: number
}

/** The logger of a program: disposed last, so that everything before can still log. */
export interface RootLogger extends Logger, AsyncDisposable {
  readonly level: LogLevel
  /** Resolves when all lines so far were handed to the operating system. */
  flush(): Promise<void>
  /** How many lines were dropped because the reader of the output was too slow. */
  readonly dropped: number
}

const spec = {
  level: { type: 'enum', values: ['debug', 'info', 'warn', 'error', 'fatal', 'silent'], default: 'info' },
  pretty: { type: 'boolean', default: false },
  base: { ...objectOption<object>(), default: {} },
  bufferBytes: { type: 'integer', default: 16_384, min: 0, max: 1_048_576 },
  flushMs: { type: 'integer', default: 250, min: 10, max: 60_000 },
  maxBufferedBytes: { type: 'integer', default: 16_777_216, min: 65_536, max: 1_073_741_824 },
} as const

/**
 * A logger that writes JSON lines `{"level":"info","time":"2026-01-01T00:00:00.000Z",…,"msg":"…"}`, with secrets cut
 * out of bindings and messages. Errors belong under `err`: type, message, code, private context, causes and stack are
 * written.
 *
 * @throws StoaError `invalid_options`; Error of the file system when the file cannot be opened
 */
export function createLogger(input: LoggerOptions = {}): RootLogger {
  const { destination = 1, ...rest } = input
  const options = resolveOptions(spec, rest, { name: 'createLogger' })
  const sink = openSink(destination, options)
  const root = pino(
    {
      level: options.level,
      base: bound(options.base),
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      // Errors have been spelt out already.
      serializers: { err: (err) => err },
    },
    sink.out,
  )
  return new Root(root, sink, options.level)
}

/** A level's number in pino. */
const VALUE = { debug: 20, info: 30, warn: 40, error: 50 } as const

class SafeLogger implements Logger {
  readonly #pino: PinoLogger

  constructor(target: PinoLogger) {
    this.#pino = target
  }

  debug(bindings: object, message: string): void {
    if (this.#pino.levelVal <= VALUE.debug) this.#pino.debug(bound(bindings), textOf(message))
  }

  info(bindings: object, message: string): void {
    if (this.#pino.levelVal <= VALUE.info) this.#pino.info(bound(bindings), textOf(message))
  }

  warn(bindings: object, message: string): void {
    if (this.#pino.levelVal <= VALUE.warn) this.#pino.warn(bound(bindings), textOf(message))
  }

  error(bindings: object, message: string): void {
    if (this.#pino.levelVal <= VALUE.error) this.#pino.error(bound(bindings), textOf(message))
  }

  fatal(bindings: object, message: string): void {
    this.#pino.fatal(bound(bindings), textOf(message))
  }

  child(bindings: object): Logger {
    return new SafeLogger(this.#pino.child(bound(bindings)))
  }
}

class Root extends SafeLogger implements RootLogger {
  readonly level: LogLevel
  readonly #sink: Sink

  constructor(target: PinoLogger, sink: Sink, level: LogLevel) {
    super(target)
    this.#sink = sink
    this.level = level
  }

  get dropped(): number {
    return this.#sink.dropped()
  }

  flush(): Promise<void> {
    return this.#sink.flush()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#sink.close()
  }
}

interface Sink {
  readonly out: LineWriter
  dropped(): number
  flush(): Promise<void>
  close(): Promise<void>
}

function openSink(destination: number | string | LineWriter, options: Resolved<typeof spec>): Sink {
  if (typeof destination === 'object') {
    const out = options.pretty ? prettyLines(destination) : destination
    return { out, dropped: () => 0, flush: async () => {}, close: async () => {} }
  }
  return openBuffered(destination, options)
}

function openBuffered(destination: number | string, options: Resolved<typeof spec>): Sink {
  const fd = typeof destination === 'number' ? destination : openFile(destination)
  // Whoever looks at a terminal wants the line now.
  const eager = options.pretty || isatty(fd)
  const lines = new LineBuffer(fd, { ...options, bufferBytes: eager ? 0 : options.bufferBytes })
  const lastLines = () => lines.flushSync()
  process.once('exit', lastLines)
  const close = async () => {
    await lines.flush()
    process.off('exit', lastLines)
    if (typeof destination === 'string') closeSync(fd)
  }
  let closing: Promise<void> | null = null
  return {
    out: options.pretty ? prettyLines(lines) : lines,
    dropped: () => lines.dropped,
    flush: () => lines.flush(),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

function openFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  return openSync(path, 'a')
}

/** Bindings fit to be written; an error that was passed in their place goes where errors belong. */
function bound(bindings: object): Record<string, unknown> {
  return redact(bindings instanceof Error ? { err: bindings } : bindings) as Record<string, unknown>
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? redactText(message) : ''
}

/** pino's timestamp as RFC 3339 UTC; within one millisecond the text is made once. */
function isoTime(): () => string {
  let lastMs = -1
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== lastMs) {
      lastMs = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}
