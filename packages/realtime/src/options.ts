import { type OptionsInput, type Resolved, resolveOptions } from '@stoa/kernel'

const KIB = 1024
const MIB = 1024 * KIB

const SPEC = {
  /** Open connections of a process, WebSockets and streams together. */
  maxConnections: { type: 'integer', min: 1, max: 1_000_000, default: 20_000 },
  /** Of one tenant among them. */
  maxConnectionsPerTenant: { type: 'integer', min: 1, max: 1_000_000, default: 5_000 },
  /** Of those that have not said who they are. */
  maxUnknown: { type: 'integer', min: 1, max: 100_000, default: 500 },
  /** How long a WebSocket may take to say who it is, in milliseconds. */
  authTimeoutMs: { type: 'integer', min: 100, max: 60_000, default: 10_000 },
  /** Channels that one connection may follow. */
  maxChannels: { type: 'integer', min: 1, max: 10_000, default: 100 },
  /** One message of a client, in bytes; a larger one closes the connection. */
  maxMessageBytes: { type: 'integer', min: 256, max: MIB, default: 64 * KIB },
  /** Messages of one connection at once; what comes faster closes it. */
  messageBurst: { type: 'integer', min: 1, max: 100_000, default: 200 },
  /** Messages of one connection per second in the long run. */
  messagesPerSecond: { type: 'number', min: 0.1, max: 100_000, default: 20 },
  /**
   * What may wait to be sent to one connection, in bytes. Who reads more slowly gets nothing more until it has caught up,
   * from memory.
   */
  maxBufferBytes: { type: 'integer', min: 128 * KIB, max: 64 * MIB, default: 256 * KIB },
  /** Events kept in memory to resume from. What lies before is read from the journal. */
  historyEvents: { type: 'integer', min: 1, max: 1_000_000, default: 10_000 },
  /** The same in bytes. */
  historyBytes: { type: 'integer', min: 64 * KIB, max: 4096 * MIB, default: 16 * MIB },
  /** Events of the journal that a resume may go back over, of all tenants together; beyond that it is a resync. */
  resumeEvents: { type: 'integer', min: 0, max: 1_000_000, default: 5_000 },
  /** How often a WebSocket is pinged, in milliseconds, by the second; who has not answered by the next one is gone. */
  pingMs: { type: 'integer', min: 1_000, max: 300_000, default: 25_000 },
  /** How often the credentials of a connection are looked at again, in milliseconds; a revocation is noticed at once. */
  recheckMs: { type: 'integer', min: 1_000, max: 3_600_000, default: 60_000 },
  /** How often a stream gets a comment, in milliseconds, by the second. Proxies close what is silent for a minute. */
  commentMs: { type: 'integer', min: 1_000, max: 60_000, default: 15_000 },
  /** Connections that are let in at once. */
  admitBurst: { type: 'integer', min: 1, max: 1_000_000, default: 1_000 },
  /** Connections that are let in per second after that; the others are told when to come back. */
  admitPerSecond: { type: 'number', min: 0.1, max: 1_000_000, default: 200 },
  /** Over how long clients are told to come back when many have to at once, in milliseconds. */
  spreadMs: { type: 'integer', min: 0, max: 600_000, default: 10_000 },
} as const

/** Options of {@link createRealtime}, as given. */
export type RealtimeOptions = OptionsInput<typeof SPEC>
/** Options of {@link createRealtime}, complete. */
export type RealtimeConfig = Resolved<typeof SPEC>

/** @throws StoaError `invalid_options` */
export function resolveRealtimeOptions(input: RealtimeOptions | undefined): RealtimeConfig {
  return resolveOptions(SPEC, input, {
    name: 'createRealtime',
    relations: [
      (o) =>
        o.maxBufferBytes >= 2 * o.maxMessageBytes ? null : 'maxBufferBytes must be twice maxMessageBytes or more',
      (o) => (o.maxConnectionsPerTenant <= o.maxConnections ? null : 'maxConnectionsPerTenant is above maxConnections'),
    ],
  })
}
