export { identityErrors } from './errors.ts'
export {
  emailChanged,
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
