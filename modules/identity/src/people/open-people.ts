import type { Columns } from '@stoa/module'
import { SignInSettings } from '../sign-in/sign-in-settings.ts'
import { tenantName } from '../tenant-name.ts'
import { AccountMail } from './account-mail.ts'
import { People } from './people.ts'

/** The people of an installation, as the room has them, for a command that has no room. */
export function openPeople({
  db,
  journal,
  publicUrl,
  queue,
}: Pick<Columns, 'db' | 'journal' | 'publicUrl' | 'queue'>): People {
  const settings = new SignInSettings({ db, journal })
  const mail = new AccountMail({ db, queue, publicUrl, tenantName: (own) => tenantName(db, settings, own) })
  return new People({ db, journal, mail })
}
