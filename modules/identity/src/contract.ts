export { identityErrors } from './errors.ts'
export {
  emailChanged,
  factorAdded,
  factorRemoved,
  identityEvents,
  memberAdded,
  passwordChanged,
  personAdded,
  profileChanged,
  sessionEnded,
  signedIn,
  signInRefused,
  signInSettingsChanged,
} from './events.ts'
