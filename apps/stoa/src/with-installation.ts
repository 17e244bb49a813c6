import { assertCompatible, type Database, DataFolderInUse, tenantBySlug, tenantList } from '@stoa/db'
import { type ApiKeys, createApiKeys, Plans } from '@stoa/http'
import { openPeople, openSigningKeys, type People, type SigningKeys } from '@stoa/identity'
import { announceTasks } from '@stoa/jobs'
import { assertOwnJournal, createJournal, type Hints, type Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, didYouMean, Resources, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { OperatorTakedowns } from '@stoa/links'
import { createQueue, type Queue } from '@stoa/queue'
import type { RootLogger } from '@stoa/telemetry'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'
import { asSentence, Refusal } from './failure.ts'
import { openSecret } from './installation.ts'
import { events, migrationSets, permissions } from './manifest.ts'
import { openDatabase } from './open-database.ts'
import { openHints } from './open-hints.ts'
import { openLog, type Program } from './program.ts'

/** What a command works on: the stores of the installation, without its server. */
export interface Installation {
  readonly config: Config
  readonly db: Database
  /** The system, acting for the command; events name it as `system:command line`. */
  readonly ctx: BaseCtx
  readonly log: RootLogger
}

/** Opens the database for a command, and closes it afterwards. */
export async function withDatabase<T>(program: Program, work: (installation: Installation) => Promise<T>): Promise<T> {
  const config = program.config()
  await using log = openLog(config)
  const deps = { log, clock: systemClock }
  await using db = await openDatabase(config, deps).catch((error: unknown) => {
    throw error instanceof DataFolderInUse ? new Refusal(`${error.message} ${ONE_HOLDER}`) : error
  })
  return await work({ config, db, log, ctx: systemCtx(deps, 'command line') })
}

/** What to do where a command finds the program running. */
const ONE_HOLDER =
  'PGlite has one holder: while Stoa runs, do it by the API (/docs); or stop it, run this, and start it again. On PostgreSQL commands run beside it.'

/** Opens an installation whose schema is that of this release, and its API keys. */
export async function withApiKeys<T>(
  program: Program,
  work: (installation: Installation & { readonly apiKeys: ApiKeys }) => Promise<T>,
): Promise<T> {
  return await withJournal(program, async ({ hints: _, resources, ...opened }) => {
    const { db, journal, log, secret } = opened
    const names = Object.keys(permissions)
    const deps = { db, log, clock: systemClock, secret, journal, permissions: names }
    return await work({ ...opened, apiKeys: resources.use(createApiKeys(deps)) })
  })
}

/** Opens an installation whose schema is that of this release, and its people. */
export async function withPeople<T>(
  program: Program,
  work: (installation: Installation & { readonly people: People }) => Promise<T>,
): Promise<T> {
  return await withJournal(program, async (opened) => {
    const { config, db, journal } = opened
    const people = openPeople({ db, journal, queue: queueOf(opened), publicUrl: () => addressOf(config) })
    return await work({ ...opened, people })
  })
}

/** Opens an installation whose schema is that of this release, and the keys that tokens are signed with. */
export async function withSigningKeys<T>(
  program: Program,
  work: (installation: Installation & { readonly signingKeys: SigningKeys }) => Promise<T>,
): Promise<T> {
  return await withJournal(program, async ({ hints: _, resources: __, ...opened }) => {
    const { config, db, journal, secret } = opened
    const signingKeys = openSigningKeys({ db, journal, secret, config: config.rooms.identity ?? {} })
    return await work({ ...opened, signingKeys })
  })
}

/** Opens an installation whose schema is that of this release, and its plans. */
export async function withPlans<T>(
  program: Program,
  work: (installation: Installation & { readonly plans: Plans }) => Promise<T>,
): Promise<T> {
  return await withJournal(program, async ({ resources: _, ...opened }) => {
    const { db, hints, journal } = opened
    return await work({ ...opened, plans: new Plans({ db, hints, journal }) })
  })
}

/**
 * Opens an installation whose schema is that of this release, and what its operator does about links that do harm.
 *
 * @param by who decides it; events name them beside the command line
 */
export async function withTakedowns<T>(
  program: Program,
  by: string | null,
  work: (takedowns: OperatorTakedowns) => Promise<T>,
): Promise<T> {
  return await withJournal(program, async ({ config, ctx, db, journal }) => {
    const { id } = ctx.actor
    const operator: BaseCtx = { ...ctx, actor: { type: 'system', id: by === null ? id : `${id} (${by})` } }
    const publicUrl = addressOf(config)
    return await work(
      new OperatorTakedowns({ db, journal, ctx: operator, publicUrl, config: config.rooms.links ?? {} }),
    )
  })
}

/** How the outside reaches the installation, as far as its settings say. */
export function addressOf({ http, publicUrl }: Config): string {
  const host = http.host.includes(':') ? `[${http.host}]` : http.host
  return publicUrl ?? `http://${host}:${http.port}`
}

/** An installation with its queue. */
export interface OpenQueue extends Installation {
  /** It knows no kinds of jobs, so it runs none. */
  readonly queue: Queue
}

/** Opens an installation whose schema is that of this release, and its queue. */
export async function withQueue<T>(program: Program, work: (installation: OpenQueue) => Promise<T>): Promise<T> {
  return await withJournal(program, async (opened) => await work({ ...opened, queue: queueOf(opened) }))
}

function queueOf({ db, hints, journal, log, resources }: OpenJournal): Queue {
  const deps = { db, log, clock: systemClock, hints, announce: announceTasks(journal) }
  return resources.use(createQueue({}, deps), 'queue')
}

interface OpenJournal extends Installation {
  readonly journal: Journal
  readonly hints: Hints
  readonly secret: InstallationSecret['derive']
  readonly resources: Resources
}

async function withJournal<T>(program: Program, work: (opened: OpenJournal) => Promise<T>): Promise<T> {
  return await withDatabase(program, async (installation) => {
    const { config, ctx, db, log } = installation
    await assertCompatible(db, migrationSets)
    await assertOwnJournal(db)
    const { derive: secret } = await openSecret(db, ctx, config)
    await using resources = new Resources()
    const deps = { db, log, clock: systemClock, secret }
    const hints = resources.use(await openHints(config, db, deps), 'hints')
    const journal = createJournal({ events }, { ...deps, hints })
    await journal.ensurePartitions(ctx)
    return await work({ ...installation, journal, hints, secret, resources })
  })
}

/** The context of a tenant by its slug. @throws Refusal when there is none, with the nearest slug */
export async function tenantOf({ db, ctx }: Installation, slug: string): Promise<Ctx> {
  const tenant = await tenantBySlug(db, ctx, slug)
  if (tenant) return tenantCtx(ctx, tenant)
  const slugs = (await tenantList(db, ctx, { limit: 1_000 })).map((one) => one.slug)
  throw new Refusal(
    `${asSentence(`There is no tenant '${slug}'${didYouMean(slug, slugs)}`)} 'npx stoa tenant list' shows them.`,
  )
}
