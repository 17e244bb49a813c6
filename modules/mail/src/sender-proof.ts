/* Whether a domain is a tenant's own: mail in the name of the neighbour is what nobody may send. */
import { StoaError } from '@stoa/kernel'
import { mailErrors } from '@stoa/mail'
import { domainProof, type TxtRecords } from '@stoa/module'

/** Asks for proofs. */
export interface SenderProof {
  /**
   * @param domain in Punycode
   * @throws StoaError `mail_sender_invalid`, which says what has to stand in DNS; `unavailable` when DNS does not answer
   */
  check(tenantId: string, domain: string): Promise<void>
}

/** Proofs by DNS. @param key of this installation, for this alone */
export function dnsProof(key: Buffer, txtRecords?: TxtRecords): SenderProof {
  const proof = domainProof({ purpose: 'stoa-mail', key, txtRecords })
  return Object.freeze<SenderProof>({
    async check(tenantId, domain) {
      const record = proof.record(tenantId, domain)
      if (await proof.stands(record)) return
      throw new StoaError(mailErrors.mail_sender_invalid, {
        fields: [
          {
            pointer: '/from',
            code: 'not_proven',
            message: `prove first that ${domain} is yours: the TXT record ${record.name} has to be ${record.value}`,
          },
        ],
      })
    },
  })
}
