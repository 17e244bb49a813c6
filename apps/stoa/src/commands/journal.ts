import { assertCompatible } from '@stoa/db'
import { adoptJournal } from '@stoa/journal'
import type { Command } from '../command-line.ts'
import { migrationSets } from '../manifest.ts'
import { withDatabase } from '../with-installation.ts'

/** `stoa journal adopt` */
export const journalAdopt: Command = {
  name: 'journal adopt',
  summary: 'Take over a journal that was restored from a dump into another database cluster.',
  details: `Its events carry the transaction numbers of the cluster where the dump was made. This gives them numbers of this cluster, in the
same order; durable readers go on where they stood. Stop Stoa first. Safe to run again: a journal that is at home stays as it is.`,
  run: (program) =>
    withDatabase(program, async ({ db }) => {
      await assertCompatible(db, migrationSets)
      const adopted = await adoptJournal(db)
      program.print(
        adopted === null
          ? 'The journal is at home in this cluster: nothing to do.'
          : `Adopted the journal: ${adopted.transactions} transactions came from elsewhere.`,
      )
      return 0
    }),
}
