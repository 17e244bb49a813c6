import type { Command } from '../command-line.ts'
import { doctor } from './doctor.ts'
import {
  jobCancelled,
  jobRedriven,
  jobRetried,
  jobShown,
  jobsListed,
  jobsPaused,
  jobsResumed,
  lanesListed,
} from './jobs.ts'
import { journalAdopt } from './journal.ts'
import { keyCreate, keyRevoke, keysListed } from './key.ts'
import { linkReportsListed, linkRestored, linkTakedownsListed, linkTakenDown } from './links.ts'
import { migrate } from './migrate.ts'
import {
  peopleListed,
  personAdd,
  personPassword,
  personResetSecondStep,
  personRestore,
  personSuspend,
} from './person.ts'
import { planRemove, planSet, plansListed, tenantPlan } from './plan.ts'
import { serve } from './serve.ts'
import { signingKeyRotate, signingKeysListed } from './signing-key.ts'
import { tenantCreate, tenantsListed } from './tenant.ts'
import { up } from './up.ts'
import { work } from './work.ts'

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  up,
  serve,
  work,
  migrate,
  doctor,
  tenantCreate,
  tenantsListed,
  tenantPlan,
  planSet,
  plansListed,
  planRemove,
  keyCreate,
  keysListed,
  keyRevoke,
  personAdd,
  peopleListed,
  personPassword,
  personResetSecondStep,
  personSuspend,
  personRestore,
  signingKeyRotate,
  signingKeysListed,
  linkTakenDown,
  linkRestored,
  linkTakedownsListed,
  linkReportsListed,
  jobsListed,
  jobShown,
  jobRetried,
  jobCancelled,
  jobRedriven,
  jobsPaused,
  jobsResumed,
  lanesListed,
  journalAdopt,
]
