import { type MigrationRef, migrate as runMigrations } from '@stoa/db'
import { systemClock } from '@stoa/kernel'
import type { Command } from '../command-line.ts'
import { migrationSets } from '../manifest.ts'
import { withDatabase } from '../with-installation.ts'

/** `stoa migrate` */
export const migrate: Command = {
  name: 'migrate',
  summary: 'Bring the schema of every placement up to this release.',
  options: {
    'dry-run': { type: 'boolean', doc: 'List what would run. Changes nothing.' },
  },
  details: 'Safe to run while the release before is serving, unless a migration is marked breaking. Safe to run again.',
  run: (program, { switches }) =>
    withDatabase(program, async ({ db, log }) => {
      const dryRun = switches.has('dry-run')
      const { applied, pending } = await runMigrations(
        db,
        migrationSets,
        { log, clock: systemClock },
        { dryRun, onApplied: (done) => program.print(`  ${inWords(done)}  ${done.ms} ms`) },
      )
      for (const ref of pending) program.print(`  ${inWords(ref)}`)
      program.print(dryRun ? plannedInWords(pending) : doneInWords(applied.length))
      return 0
    }),
}

function inWords({ schema, owner, name, breaking }: MigrationRef): string {
  return `${schema.padEnd(16)} ${`${owner}/${name}`.padEnd(36)}${breaking ? ' breaking' : ''}`.trimEnd()
}

function plannedInWords(pending: readonly MigrationRef[]): string {
  if (pending.length === 0) return 'The schema is up to date.'
  // On an empty database nobody runs.
  const isNew = pending.some(({ name, owner }) => owner === 'db' && name === '0001_installation')
  const breaking = isNew ? 0 : pending.filter((ref) => ref.breaking).length
  const verb = breaking === 1 ? 'breaks' : 'break'
  const warning = breaking === 0 ? '' : ` ${breaking} of them ${verb} with the release before: stop it first.`
  return `${pending.length} would run.${warning}`
}

function doneInWords(count: number): string {
  return count === 0 ? 'The schema is up to date.' : `${count} ${count === 1 ? 'migration' : 'migrations'} applied.`
}
