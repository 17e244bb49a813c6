/*
 * Whether a domain is a tenant's own. Anybody could otherwise send in the name of the neighbour. The proof is a text in
 * DNS that follows from the tenant and the domain, so nothing is kept: who can write it there has the domain.
 */
import { createHmac } from 'node:crypto'
import { resolveTxt } from 'node:dns/promises'
import { errors, StoaError } from '@stoa/kernel'
import { mailErrors } from '@stoa/mail'

/** The texts at a name of DNS, each in pieces. */
export type TxtRecords = (name: string) => Promise<readonly (readonly string[])[]>

/** Asks for proofs. */
export interface SenderProof {
  /**
   * @param domain in Punycode
   * @throws StoaError `mail_sender_invalid`, which says what has to stand in DNS; `unavailable` when DNS does not answer
   */
  check(tenantId: string, domain: string): Promise<void>
}

/** Names that stand for "there is no such text". */
const ABSENT: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])
const PROOF_LENGTH = 32

/** Proofs by DNS. @param key of this installation, for this alone */
export function dnsProof(key: Buffer, txtRecords: TxtRecords = resolveTxt): SenderProof {
  return Object.freeze<SenderProof>({
    async check(tenantId, domain) {
      const digest = createHmac('sha256', key).update(`${tenantId} ${domain}`).digest('hex')
      const name = `_stoa-mail.${domain}`
      const value = `stoa-mail=${digest.slice(0, PROOF_LENGTH)}`
      const texts = await textsAt(txtRecords, name)
      if (texts.includes(value)) return
      throw new StoaError(mailErrors.mail_sender_invalid, {
        fields: [
          {
            pointer: '/from',
            code: 'not_proven',
            message: `prove first that ${domain} is yours: the TXT record ${name} has to be ${value}`,
          },
        ],
      })
    },
  })
}

async function textsAt(txtRecords: TxtRecords, name: string): Promise<readonly string[]> {
  try {
    return (await txtRecords(name)).map((pieces) => pieces.join(''))
  } catch (cause) {
    if (ABSENT.has((cause as NodeJS.ErrnoException).code ?? '')) return []
    throw new StoaError(errors.unavailable, { message: 'DNS does not answer. Try again shortly.', cause })
  }
}
