export { type Adoption, adoptJournal, assertOwnJournal, type JournalAhead, journalAhead } from './adoption.ts'
export { type AuditFilter, type AuditPage, journalPermissions } from './audit.ts'
export type { Commit, CommittedEvent } from './commits.ts'
export { journalErrors } from './errors.ts'
export {
  type AuditEvent,
  defineEvent,
  type EventDefinition,
  type EventInput,
  type EventSpec,
  type JournalEvent,
} from './event.ts'
export { type Hints, type HintTransport, processHints, type RelayOptions, relayedHints } from './hints.ts'
export {
  type AboutFilter,
  createJournal,
  type EventHandler,
  type Journal,
  type JournalDeps,
  type ReaderStatus,
  type Tail,
  type TransactionalHandler,
} from './journal.ts'
export type { Maintenance, MaintenanceOptions } from './maintenance.ts'
export { journalMigrations } from './migrations/index.ts'
export { notifyTransport } from './notify-hints.ts'
export type { PartitionReport, RetentionReport } from './partitions.ts'
export { comparePositions, type Position, startPosition } from './position.ts'
export type { ReaderOptions, TailOptions, WatchOptions } from './reader-options.ts'
export { createEventRegistry, type EventRegistry } from './registry.ts'
export type { JournalSignal, Stuck } from './signals.ts'
export type { Watch, WatchHandler } from './watch.ts'
