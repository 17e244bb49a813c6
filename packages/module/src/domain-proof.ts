/*
 * Whether a domain is a tenant's own. Anybody could otherwise act in the name of the neighbour. The proof is a text in DNS
 * that follows from the tenant and the domain, so nothing is kept: who can write it there has the domain.
 */
import { createHmac } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { errors, StoaError } from '@stoa/kernel'

/** The texts at a name of DNS, each in pieces. */
export type TxtRecords = (name: string) => Promise<readonly (readonly string[])[]>

/** What has to stand in DNS. */
export interface ProofRecord {
  /** `_stoa-mail.acme.example` */
  readonly name: string
  /** `stoa-mail=0123…` */
  readonly value: string
}

/** Asks for proofs. */
export interface DomainProof {
  /** @param domain in Punycode */
  record(tenantId: string, domain: string): ProofRecord
  /** Whether it stands there. @throws StoaError `unavailable` when DNS does not answer */
  stands(record: ProofRecord): Promise<boolean>
}

/** How proofs are made. */
export interface DomainProofOptions {
  /** What the text is for: `stoa-mail`. Another word is another proof. */
  readonly purpose: string
  /** Of this installation, for this alone. */
  readonly key: Buffer
  /** Default: the resolver of the machine. */
  readonly txtRecords?: TxtRecords | undefined
}

/** For so long it is looked for a proof without being asked. */
const LOOKED_FOR_MS = 3 * 86_400_000
const LEAST_WAIT_MS = 15_000
const MOST_WAIT_MS = 3_600_000

/**
 * How long to wait before it is looked again for a proof that does not stand yet: less and less often, for three days.
 *
 * @param ageMs how long it has been looked for
 * @returns null: it is given up
 */
export function nextLook(ageMs: number): number | null {
  return ageMs >= LOOKED_FOR_MS ? null : Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, ageMs / 5))
}

/** Names that stand for "there is no such text". */
const ABSENT: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])
const PROOF_LENGTH = 32
const RESOLVER = { timeout: 3_000, tries: 2 }

/** Proofs by DNS. */
export function domainProof({ key, purpose, txtRecords = askResolver }: DomainProofOptions): DomainProof {
  return Object.freeze<DomainProof>({
    record(tenantId, domain) {
      const digest = createHmac('sha256', key).update(`${tenantId} ${domain}`).digest('hex')
      return { name: `_${purpose}.${domain}`, value: `${purpose}=${digest.slice(0, PROOF_LENGTH)}` }
    },
    async stands({ name, value }) {
      return (await textsAt(txtRecords, name)).includes(value)
    },
  })
}

function askResolver(name: string): Promise<string[][]> {
  return new Resolver(RESOLVER).resolveTxt(name)
}

async function textsAt(txtRecords: TxtRecords, name: string): Promise<readonly string[]> {
  try {
    return (await txtRecords(name)).map((pieces) => pieces.join(''))
  } catch (cause) {
    if (ABSENT.has((cause as NodeJS.ErrnoException).code ?? '')) return []
    throw new StoaError(errors.unavailable, { message: 'DNS does not answer. Try again shortly.', cause })
  }
}
