import type { Database } from '@stoa/db'
import type { Factors } from '../factors/factors.ts'
import type { Passkeys } from '../factors/passkeys.ts'
import type { Joining } from '../members/joining.ts'
import type { Members } from '../members/members.ts'
import type { Applications } from '../openid/applications.ts'
import type { EmailChange } from '../people/email-change.ts'
import type { People } from '../people/people.ts'
import type { PersonalData } from '../people/personal-data.ts'
import type { Recovery } from '../people/recovery.ts'
import type { Registration } from '../people/registration.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { SignIn } from '../sign-in/sign-in.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import type { Upstream } from '../upstream/open-upstream.ts'

/** What the pages call. */
export interface PagesDeps extends Upstream {
  readonly db: Database
  readonly people: People
  readonly signIn: SignIn
  readonly registration: Registration
  readonly joining: Joining
  readonly members: Members
  readonly personalData: PersonalData
  readonly recovery: Recovery
  readonly emailChange: EmailChange
  readonly factors: Factors
  readonly passkeys: Passkeys
  readonly sessions: Sessions
  readonly settings: SignInSettings
  readonly applications: Applications
  /** Permission → what it allows. */
  readonly permissions: Readonly<Record<string, string>>
}
