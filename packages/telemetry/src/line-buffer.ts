/*
 * Lines on their way to a file descriptor. They are collected into chunks, one chunk is written at a time, off the
 * event loop.
 *
 *   pending ──(bufferBytes reached, flushMs passed, flush)──▶ writing ──▶ written
 *
 * A write per line halves a server's throughput. pino's own destination can collect lines too, but measures its whole
 * buffer again at every line (2.6 µs at 16 KiB, growing with the buffer), and says "flushed" before its file is open.
 *
 * Failures: an output that is full for now (EAGAIN) is tried again; one that fails loses the chunk, which is counted
 * and told once; one that has no reader any more (EPIPE) ends the logging. Nothing of it reaches the program. Lines
 * beyond `maxBufferedBytes` are dropped and counted.
 */
import { write, writeSync } from 'node:fs'
import type { LineWriter } from './pretty.ts'

const RETRY_MS = 10
/** How long the last lines of a process may wait for a slow reader. */
const LAST_RETRIES = 100

interface Chunk {
  readonly bytes: Buffer
  written: number
  readonly waiters: (() => void)[]
}

/** Sizes in UTF-16 units, which for logs are about bytes. */
export interface LineBufferOptions {
  readonly bufferBytes: number
  readonly flushMs: number
  readonly maxBufferedBytes: number
}

/** Lines that wait for a file descriptor. */
export class LineBuffer implements LineWriter {
  readonly #fd: number
  readonly #options: LineBufferOptions
  #pending = ''
  #pendingWaiters: (() => void)[] = []
  #writing: Chunk | null = null
  /** Waits before the chunk in `#writing` is tried again; otherwise the operating system has it. */
  #retry: NodeJS.Timeout | null = null
  #timer: NodeJS.Timeout | null = null
  #complained = false
  #ended = false
  #dropped = 0

  constructor(fd: number, options: LineBufferOptions) {
    this.#fd = fd
    this.#options = options
  }

  /** How many lines were lost. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    const waiting = this.#pending.length + (this.#writing?.bytes.length ?? 0)
    if (this.#ended || waiting + line.length > this.#options.maxBufferedBytes) {
      this.#dropped += 1
      return
    }
    this.#pending += line
    if (this.#pending.length >= this.#options.bufferBytes) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), this.#options.flushMs).unref()
  }

  /** Resolves when every line so far was written or lost. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#pending !== '') this.#pendingWaiters.push(resolve)
      else if (this.#writing) this.#writing.waiters.push(resolve)
      else resolve()
      this.#start()
    })
  }

  /** For the last moment of a process, and for a fatal line. What the operating system has already is left to it. */
  flushSync(): void {
    const rest = this.#retry && this.#writing ? this.#writing.bytes.subarray(this.#writing.written) : Buffer.alloc(0)
    if (this.#retry && this.#writing) this.#done(this.#writing, false)
    const bytes = Buffer.concat([rest, Buffer.from(this.#pending)])
    this.#pending = ''
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (!this.#ended) this.#writeNow(bytes)
    for (const waiter of this.#pendingWaiters.splice(0)) waiter()
  }

  #start(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#writing || this.#pending === '') return
    const chunk: Chunk = { bytes: Buffer.from(this.#pending), written: 0, waiters: this.#pendingWaiters }
    this.#pending = ''
    this.#pendingWaiters = []
    this.#writing = chunk
    this.#continue(chunk)
  }

  #continue(chunk: Chunk): void {
    this.#retry = null
    write(this.#fd, chunk.bytes, chunk.written, chunk.bytes.length - chunk.written, null, (error, count) => {
      if (error?.code === 'EAGAIN') {
        this.#retry = setTimeout(() => this.#continue(chunk), RETRY_MS).unref()
        return
      }
      if (error) this.#lose(chunk.bytes.subarray(chunk.written), error)
      else chunk.written += count
      if (error || chunk.written >= chunk.bytes.length) this.#done(chunk, true)
      else this.#continue(chunk)
    })
  }

  #done(chunk: Chunk, goOn: boolean): void {
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
    this.#writing = null
    for (const waiter of chunk.waiters) waiter()
    if (!goOn) return
    if (this.#pendingWaiters.length > 0 || this.#pending.length >= this.#options.bufferBytes) this.#start()
  }

  #writeNow(bytes: Buffer): void {
    let rest = bytes
    for (let tries = 0; rest.length > 0 && tries < LAST_RETRIES; tries++) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (thrown) {
        const error = thrown as NodeJS.ErrnoException
        if (error.code !== 'EAGAIN') {
          this.#lose(rest, error)
          return
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
      }
    }
  }

  #lose(bytes: Buffer, error: NodeJS.ErrnoException): void {
    this.#dropped += bytes.toString('utf8').split('\n').length - 1
    if (error.code === 'EPIPE' || error.code === 'EBADF') this.#ended = true
    if (this.#complained) return
    this.#complained = true
    try {
      writeSync(2, `log lines cannot be written: ${error.message}\n`)
    } catch {
      // Then nobody is listening anywhere.
    }
  }
}
