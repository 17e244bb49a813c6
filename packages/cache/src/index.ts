export { type Cache, type CacheDeps, createCache, type Found, type OutcomeCounts } from './cache.ts'
export { type CacheClock, monotonicClock } from './clock.ts'
export type { EntryOptions } from './entry-options.ts'
export { CacheLoadTimeout } from './errors.ts'
export {
  dropFromJournal,
  type JournalDrops,
  type JournalDropsOptions,
  type JournalSource,
  type JournalWatch,
  type ReadEvent,
  type SourceEvent,
  subjectTags,
} from './journal-drops.ts'
export type { CacheScope } from './keys.ts'
export type { Loading } from './load.ts'
export type { MemoryUsage } from './memory-level.ts'
export type { CacheOptions, RedisLevelOptions } from './options.ts'
export type { RedisClient } from './redis-line.ts'
export {
  createSharedEntries,
  type SharedEntries,
  type SharedEntriesDeps,
  type SharedEntriesOptions,
  type SharedEntry,
} from './shared-entries.ts'
export type { CacheSignal, Outcome } from './signals.ts'
export type { Witness } from './witness.ts'
