/*
 * Server-sent events (HTML, "Server-sent events"): an answer that stays open. A handler checks what it has to, while a
 * refusal can still be a problem, and then opens the stream; from there on the answer is its own.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { RouteReply } from './route.ts'
import { type Caller, credentialsOf } from './upgrade.ts'

/** The media type of an event stream, for the `content` of a route's response. */
export const EVENT_STREAM = 'text/event-stream'

/** An answer of `text/event-stream` that is open. */
export interface EventStream extends Caller {
  /** Written and not yet taken by the other side, in bytes. */
  readonly bufferedBytes: number
  /** Whether nothing more reaches the caller. */
  readonly closed: boolean
  /** Sends text or bytes as they are. False: the buffer is full; `onDrain` says when it is empty. */
  write(chunk: string | Uint8Array): boolean
  /** Ends the answer, after a last chunk. */
  end(chunk?: string): void
  /** Called when what was written has been taken. */
  onDrain(listener: () => void): void
  /** Called once, however it ends; at once when it has. */
  onClose(listener: () => void): void
}

/** Who a handler answers. @throws TypeError for the reply of a mutating handler */
export function callerOf(reply: RouteReply): Caller {
  const { request } = reply as FastifyReply
  if (request === undefined) throw new TypeError('only the reply of a GET knows its caller')
  return { principal: request.ctx.principal, credentials: credentialsOf(request) }
}

const open = new WeakSet<ServerResponse>()

/** Whether the answer is a stream: its duration says nothing. */
export function isEventStream(response: ServerResponse): boolean {
  return open.has(response)
}

/**
 * Opens the stream. The head of the answer leaves now; after that the handler returns null, and errors are its own.
 *
 * @param reply of a handler of GET
 * @throws TypeError for the reply of a mutating handler
 */
export function openEventStream(reply: RouteReply): EventStream {
  const { raw, request } = reply as FastifyReply
  if (raw === undefined) throw new TypeError('only a GET can answer with a stream')
  const headers = (reply as FastifyReply).getHeaders()
  ;(reply as FastifyReply).hijack()
  request.meter?.observe(200, (reply as FastifyReply).elapsedTime / 1000)
  open.add(raw)
  raw.on('error', () => raw.destroy())
  raw.writeHead(200, {
    ...headers,
    'content-type': `${EVENT_STREAM}; charset=utf-8`,
    'cache-control': 'no-store, no-transform',
    // nginx holds an answer back until it has 4 KiB of it, and would so hold events back.
    'x-accel-buffering': 'no',
    ...(headers['access-control-allow-origin'] !== undefined && { vary: 'Origin' }),
  } as Record<string, string>)
  if (request.method === 'HEAD') raw.end()
  else raw.flushHeaders()
  return {
    principal: request.ctx.principal,
    credentials: credentialsOf(request),
    get bufferedBytes() {
      return raw.writableLength
    },
    get closed() {
      return raw.writableEnded || raw.destroyed
    },
    write: (chunk) => (raw.writableEnded || raw.destroyed ? true : raw.write(chunk)),
    end: (chunk) => void (raw.writableEnded || raw.end(chunk)),
    onDrain: (listener) => void raw.on('drain', listener),
    onClose: (listener) => void (raw.closed ? listener() : raw.once('close', listener)),
  }
}
