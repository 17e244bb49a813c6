/*
 * A room says in one plain object what it brings: tables, permissions, events, errors, and a function that makes it.
 * The program is a list of such objects; adding a room changes that list and nothing else. Nothing happens when a
 * manifest is imported.
 */
import type { Cache, SharedEntries } from '@stoa/cache'
import type { Database, MigrationSet } from '@stoa/db'
import type { ApiKeys, AuthScheme, KeyOwners, Mount, Route, TenantHosts } from '@stoa/http'
import type { EventDefinition, Journal } from '@stoa/journal'
import { type BaseCtx, type Clock, type Ctx, didYouMean, type ErrorSpec, type Logger } from '@stoa/kernel'
import type { Store } from '@stoa/limiter'
import type { JobDefinition, Queue } from '@stoa/queue'
import type { ChannelKind, ChannelParams, Realtime } from '@stoa/realtime'
import type { Health, Metrics } from '@stoa/telemetry'

/** What a room may stand on. */
export interface Columns {
  readonly db: Database
  readonly journal: Journal
  /**
   * What rooms read through. The subjects of an event and their kinds are the tags that its commit drops (`link:7` and
   * `link`); an event drops what carries one of them before whoever committed it goes on. Keys and tags of all rooms
   * are in one space: begin them with what the room calls its things.
   */
  readonly cache: Pick<Cache, 'lookup' | 'wrap'>
  /**
   * What processes look up for each other past the tags, each thing by a version of its own. Keys of all rooms are in one
   * space: begin them with what the room calls its things. Absent: there is no Redis.
   */
  readonly shared?: Pick<SharedEntries, 'read' | 'store' | 'outdate'>
  /**
   * Where the room's work goes that touches the network or takes long. It enqueues in the transaction of the write that
   * asked for the work; the program runs it: see {@link Room.jobs}.
   */
  readonly queue: Omit<Queue, 'define' | 'work' | typeof Symbol.asyncDispose>
  /**
   * Where tries are counted, for a room with limits of its own: make a limiter of it, with policies whose names begin
   * with what the room is called. A take may be a transaction in the database: it is for what is rare, such as passwords
   * that are tried. Absent: in each process by itself.
   */
  readonly limitStore?: Store
  readonly clock: Clock
  /** Already bound to the room. */
  readonly log: Logger
  /**
   * A secret of this installation for one purpose of this room: HKDF-SHA256 of the installation's secret.
   *
   * @param bytes 1–255; default 32
   */
  secret(purpose: string, bytes?: number): Buffer
  /**
   * Where the room makes its metrics. Their names begin with `stoa_` and the room's: `stoa_links_clicks_dropped_total`.
   */
  readonly metrics: Pick<Metrics, 'counter' | 'gauge' | 'histogram'>
  /**
   * Where the room says how it is, under a name that begins with its own: `links.clicks`. A check that is not ok takes
   * the process out of service. One that is ok and has a `detail` is something to know: `/health/ready` shows it, and
   * `stoa doctor` warns of it.
   */
  readonly health: Pick<Health, 'add'>
  /**
   * For a route of the room's own that answers with the events of channels; and to be told (`actorChanged`,
   * `tenantChanged`) who was changed, lost their credentials, or may do something else than before.
   */
  readonly realtime: Pick<Realtime, 'stream' | 'story' | 'actorChanged' | 'tenantChanged'>
  /** Every permission of the installation, with what it allows. */
  readonly permissions: Readonly<Record<string, string>>
  /** The least of the built-in roles that has a permission, by permission: see {@link Module.leastRoles}. */
  readonly leastRoles: Readonly<Record<string, LeastRole>>
  /** The API keys of the installation. */
  readonly apiKeys: Pick<ApiKeys, 'create' | 'revokeOwned'>
  /** Whose a host is, for a room that serves hosts of tenants: see `TenantHosts` in @stoa/http. */
  readonly hosts: Pick<TenantHosts, 'adopt' | 'isOwn' | 'leave' | 'open' | 'take' | 'takeOver'>
  /**
   * Where the world reaches this program, without a slash at the end: `https://stoa.example.org`. Known once the server
   * listens.
   */
  publicUrl(): string
  /** The room's part of the configuration; the room resolves it with its own spec. */
  readonly config: Readonly<Record<string, unknown>>
}

/** The built-in roles, the one that may least first. Each may what those before it may. */
export const LEAST_ROLES = ['viewer', 'member', 'admin', 'owner'] as const

/** A built-in role. */
export type LeastRole = (typeof LEAST_ROLES)[number]

/** A room that is open. */
export interface Room extends AsyncDisposable {
  readonly routes: readonly Route[]
  /** What answers below paths of its own, beside the routes and past the API's document. Default: nothing. */
  readonly mounts?: readonly Mount[]
  /** Ways of proving who is asking, for every route of the program; asked after those of the ground. Default: none. */
  readonly schemes?: readonly AuthScheme[]
  /**
   * Its kinds of jobs. They are run while the room is open, in each process that works. Names begin with what the room
   * calls its things: `links.import`. Default: none.
   */
  readonly jobs?: readonly JobDefinition[]
  /**
   * By the pattern of a channel of its own: refuses somebody who has the permission, or a channel of nothing, by throwing.
   * Default: everybody who has the permission is let in.
   */
  readonly admits?: Readonly<Record<string, (ctx: Ctx, params: ChannelParams) => Promise<void>>>
  /** Says what the owners of API keys may do, when the room knows them. At most one room does. Default: it does not. */
  readonly keyOwners?: KeyOwners
  /**
   * Called when HTTP stops listening, before requests in flight are waited for: answers that stay open by themselves
   * have to be ended now. It must not throw. Default: there are none.
   */
  drain?(): void
  /** Resolves when the room can serve. Default: at once. */
  ready?(): Promise<void>
}

/** What a room found when it looked its rows over. */
export interface Examination {
  readonly ok: boolean
  /** A sentence. */
  readonly text: string
  /** What to do; for what is not ok. */
  readonly advice?: string
}

/** The manifest of a room. */
export interface Module {
  /** Lower case letters, digits and dashes: `links`. */
  readonly name: string
  /** One sentence. */
  readonly description: string
  readonly migrations: MigrationSet
  /** Permission → what it allows, in a sentence. Each begins with the module's name: `links:write`. */
  readonly permissions: Readonly<Record<string, string>>
  /**
   * Permission → the least built-in role that has it, where it is another than its last word says: `read` is for
   * viewers, `write` for members, every other one for admins.
   */
  readonly leastRoles?: Readonly<Record<string, LeastRole>>
  /** The events it appends. */
  readonly events: readonly EventDefinition[]
  /** The channels where its events can be followed. Default: none. */
  readonly channels?: readonly ChannelKind[]
  /** Its error codes; see `defineErrors`. */
  readonly errors: Readonly<Record<string, ErrorSpec>>
  /** Tag of its routes → what these have in common, in a sentence for the documentation. Default: it has no routes. */
  readonly tags?: Readonly<Record<string, string>>
  /** Table → what a row is, in a sentence. */
  readonly tables: Readonly<Record<string, string>>
  /** Opens the room. */
  create(columns: Columns): Promise<Room> | Room
  /** Looks over what the room has in the database, and changes nothing: for `stoa doctor`. Default: nothing is looked at. */
  examine?(db: Database, ctx: BaseCtx): Promise<readonly Examination[]>
}

/**
 * Checks a manifest, and the room it makes: names are well formed, permissions are the module's own and every route
 * and every channel names a declared one, no event version and no operation is there twice.
 *
 * @throws TypeError naming the module and what is wrong; for routes when the room is created
 */
export function defineModule(spec: Module): Module {
  const wrong = flawOf(spec)
  if (wrong) throw new TypeError(`module '${spec.name}': ${wrong}`)
  return Object.freeze({
    ...spec,
    async create(columns: Columns) {
      const room = await spec.create(columns)
      const flaw = flawOfRoutes(spec, room.routes)
      if (flaw === null) return room
      await room[Symbol.asyncDispose]()
      throw new TypeError(`module '${spec.name}': ${flaw}`)
    },
  })
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const TABLE = /^[a-z][a-z0-9_]*$/

function flawOf(spec: Module): string | null {
  if (!NAME.test(spec.name)) return 'its name is not lower case letters, digits and dashes'
  if (spec.description.trim() === '') return 'it has no description'
  if (spec.migrations.owner !== spec.name) return `its migrations are owned by '${spec.migrations.owner}'`
  return (
    flawOfPermissions(spec) ??
    flawOfLeastRoles(spec) ??
    flawOfEvents(spec) ??
    flawOfChannels(spec) ??
    flawOfTables(spec) ??
    flawOfErrors(spec)
  )
}

function flawOfPermissions({ name, permissions }: Module): string | null {
  for (const [permission, meaning] of Object.entries(permissions)) {
    if (!permission.startsWith(`${name}:`)) return `the permission '${permission}' does not begin with '${name}:'`
    if (!/^[a-z][a-zA-Z0-9-]*(:[a-z][a-zA-Z0-9]*)+$/.test(permission))
      return `'${permission}' is not like '${name}:write'`
    if (meaning.trim() === '') return `the permission '${permission}' does not say what it allows`
  }
  return null
}

function flawOfLeastRoles({ leastRoles = {}, permissions }: Module): string | null {
  const bad = Object.keys(leastRoles).find((permission) => !Object.hasOwn(permissions, permission))
  if (bad === undefined) return null
  return `the least role of '${bad}' is said, which is not declared${didYouMean(bad, Object.keys(permissions))}`
}

function flawOfEvents({ events }: Module): string | null {
  const seen = new Set<string>()
  for (const { type, version } of events) {
    const name = `${type} ${version}`
    if (seen.has(name)) return `the event '${type}', version ${version}, is there twice`
    seen.add(name)
  }
  return null
}

function flawOfChannels({ channels = [], permissions }: Module): string | null {
  for (const { messages, pattern, permission } of channels) {
    for (const needed of messages === undefined ? [permission] : [permission, messages.permission]) {
      if (!Object.hasOwn(permissions, needed)) {
        return `the channel '${pattern}' needs '${needed}', which is not declared${didYouMean(needed, Object.keys(permissions))}`
      }
    }
  }
  return null
}

function flawOfTables({ tables }: Module): string | null {
  const bad = Object.keys(tables).find((table) => !TABLE.test(table))
  return bad === undefined ? null : `'${bad}' is not the name of a table`
}

function flawOfErrors({ errors }: Module): string | null {
  const bad = Object.entries(errors).find(([code, error]) => error.code !== code)
  return bad === undefined ? null : `the error '${bad[0]}' is not made by defineErrors`
}

function flawOfRoutes({ permissions }: Module, routes: readonly Route[]): string | null {
  const seen = new Set<string>()
  for (const { operationId, permission } of routes) {
    if (seen.has(operationId)) return `the operation '${operationId}' is there twice`
    seen.add(operationId)
    if (permission !== null && !Object.hasOwn(permissions, permission)) {
      return `${operationId} needs '${permission}', which is not declared${didYouMean(permission, Object.keys(permissions))}`
    }
  }
  return null
}
