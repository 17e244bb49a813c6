/*
 * The messages of a WebSocket, one JSON object in one text frame. What a client sends is read here and nowhere else: a
 * field that is not of its type is refused, one that is not known is passed over.
 */

import type { Position } from '@stoa/journal'
import { asStoaError } from '@stoa/kernel'
import type { ResyncReason } from './resume.ts'

/** What a client may send. `id` comes back with the answer. */
export type ClientMessage =
  /** Who it is: an API key, as in `Authorization: Bearer`. */
  | { readonly type: 'auth'; readonly id: RequestId; readonly token: string }
  /** `position`: where it stood; default: now. `presence`: whether it wants to know who joins and leaves. */
  | {
      readonly type: 'subscribe'
      readonly id: RequestId
      readonly channel: string
      readonly position: string | undefined
      readonly presence: boolean
    }
  | { readonly type: 'unsubscribe' | 'members'; readonly id: RequestId; readonly channel: string }
  | { readonly type: 'message'; readonly id: RequestId; readonly channel: string; readonly data: unknown }
  | { readonly type: 'ping'; readonly id: RequestId }

/** What a client calls a request. */
export type RequestId = string | number | null

/** Why a connection is closed, in the reason of the close frame, and with which code. */
export const CLOSES = {
  /** The process stops: come back after `retryMs`. */
  draining: 1012,
  /** Too many at once: come back after `retryMs`. */
  overloaded: 1013,
  /** Only text frames are taken. */
  binary: 1003,
  unauthenticated: 4401,
  forbidden: 4403,
  /** It did not say in time who it is, or did not answer a ping. */
  timeout: 4408,
  too_many_connections: 4429,
  /** It sends faster than it may. */
  too_many_messages: 4430,
} as const

/** Names of {@link CLOSES}. */
export type CloseCode = keyof typeof CLOSES

/** A close frame's reason has room for 123 bytes. */
export function closeReason(code: CloseCode, retryMs: number | null): string {
  return JSON.stringify(retryMs === null ? { code } : { code, retryMs: Math.round(retryMs) })
}

/** The message in a text frame; null when it is none. */
export function readMessage(text: string): ClientMessage | null {
  const value = parsed(text)
  if (value === null) return null
  const { type, channel, data, token } = value
  const id = requestId(value.id)
  if (id === undefined) return null
  if (type === 'ping') return { type, id }
  if (type === 'auth') return typeof token === 'string' ? { type, id, token } : null
  if (typeof channel !== 'string') return null
  switch (type) {
    case 'unsubscribe':
    case 'members':
      return { type, id, channel }
    case 'message':
      return { type, id, channel, data }
    case 'subscribe':
      return subscribing(id, channel, value)
    default:
      return null
  }
}

function subscribing(id: RequestId, channel: string, value: Readonly<Record<string, unknown>>): ClientMessage | null {
  const { position, presence = false } = value
  if (typeof presence !== 'boolean') return null
  // What is no text is no position, and means a resync like any other that is made up.
  const stood = position === undefined || position === null ? undefined : String(position).slice(0, 64)
  return { type: 'subscribe', id, channel, position: stood, presence }
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

function requestId(value: unknown): RequestId | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  return typeof value === 'string' && value.length <= 64 ? value : undefined
}

/** `events`: what happened in a channel, oldest first. Each is JSON already. */
export function eventsMessage(channel: string, texts: readonly string[]): string {
  return `{"type":"events","channel":${JSON.stringify(channel)},"events":[${texts.join(',')}]}`
}

/** `resync`: what was missed cannot be told; from `position` on everything comes. */
export function resyncMessage(channel: string, position: Position, reason: ResyncReason): string {
  return JSON.stringify({ type: 'resync', channel, position, reason })
}

/** `members`: everybody in a channel. `count`: how many there are, when they are too many to be named. */
export function membersMessage(id: RequestId, channel: string, names: readonly string[]): string {
  const members = names.slice(0, NAMED_MEMBERS)
  return JSON.stringify({ type: 'members', id, channel, members, count: names.length })
}

/** `presence`: who came into a channel, and who left it. */
export function presenceMessage(channel: string, joined: readonly string[], left: readonly string[]): string {
  return JSON.stringify({ type: 'presence', channel, joined, left })
}

const NAMED_MEMBERS = 1_000

/** `error`: the answer to a request that was refused. */
export function errorMessage(id: RequestId, thrown: unknown, channel?: string): string {
  const { code, message, fields, retryAfterSeconds } = asStoaError(thrown)
  return JSON.stringify({ type: 'error', id, channel, code, message, fields, retryAfterSeconds })
}
