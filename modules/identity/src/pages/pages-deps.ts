import type { Database } from '@stoa/db'
import type { EmailChange } from '../email-change.ts'
import type { Factors } from '../factors.ts'
import type { Joining } from '../members/joining.ts'
import type { Passkeys } from '../passkeys.ts'
import type { People } from '../people.ts'
import type { Recovery } from '../recovery.ts'
import type { Registration } from '../registration.ts'
import type { Sessions } from '../sessions.ts'
import type { SignIn } from '../sign-in.ts'
import type { SignInSettings } from '../sign-in-settings.ts'

/** What the pages call. */
export interface PagesDeps {
  readonly db: Database
  readonly people: People
  readonly signIn: SignIn
  readonly registration: Registration
  readonly joining: Joining
  readonly recovery: Recovery
  readonly emailChange: EmailChange
  readonly factors: Factors
  readonly passkeys: Passkeys
  readonly sessions: Sessions
  readonly settings: SignInSettings
}
