export { Alarm } from './alarm.ts'
export { backoffMs } from './backoff.ts'
export { type Clock, systemClock } from './clock.ts'
export {
  type Actor,
  actorTypes,
  type BaseCtx,
  type Ctx,
  hasPermission,
  type Place,
  type Proof,
  type Resource,
  type ResourceGrants,
  requirePermission,
  requirePermissionOrOwn,
  systemCtx,
  type Tenant,
  tenantCtx,
} from './ctx.ts'
export { type EnvSettings, type EnvSpec, readEnv } from './env.ts'
export {
  asStoaError,
  defineErrors,
  type ErrorKind,
  type ErrorSpec,
  type ErrorTable,
  errors,
  type FieldError,
  type GroundErrorCode,
  isError,
  type PublicError,
  StoaError,
  type StoaErrorOptions,
} from './errors.ts'
export { makeFolder } from './folder.ts'
export { idTime, isId, newId } from './ids.ts'
export { Resources, type ResourcesOptions } from './lifecycle.ts'
export { type Logger, silentLogger } from './logger.ts'
export {
  functionOption,
  type OptionSpec,
  type OptionsInput,
  type OptionsSpec,
  objectOption,
  optionalFunction,
  optionalObject,
  type Relation,
  type Resolved,
  type ResolveSettings,
  resolveOptions,
  type Typed,
} from './options.ts'
export { OutageLog, type OutageWords } from './outage-log.ts'
export { permissionsInCommon, permits } from './permissions.ts'
export { type Repeating, type RepeatOptions, repeat } from './repeat.ts'
export { seal, unseal } from './seal.ts'
export { closest, didYouMean, grouped } from './text.ts'
