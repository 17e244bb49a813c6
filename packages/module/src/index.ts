export {
  type DomainProof,
  type DomainProofOptions,
  domainProof,
  nextLook,
  type ProofRecord,
  type TxtRecords,
} from './domain-proof.ts'
export {
  type Columns,
  defineModule,
  type Examination,
  LEAST_ROLES,
  type LeastRole,
  type Module,
  type Room,
} from './module.ts'
export { PasswordHasher, type PasswordHasherOptions, type Verdict } from './password-hash.ts'
