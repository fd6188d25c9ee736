// The issuers of the benchmark: keys made anew for each run, and the tokens they sign.
import { constants, createSign, generateKeyPairSync, sign } from 'node:crypto';

export const ISSUER = 'https://as.test';
export const AUDIENCE = 'https://m.test/mcp';
export const SCOPES = 'tools:read tools:call';

const KEYS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

/** An issuer with one key of this algorithm. */
export function newIssuer(alg = 'RS256') {
  const { publicKey, privateKey } = generateKeyPairSync(...KEYS[alg]);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signature = (signed) => {
    switch (alg) {
      case 'RS256': return createSign('sha256').update(signed).sign(privateKey);
      case 'PS256': return sign('sha256', Buffer.from(signed), { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
      case 'ES256': return sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      default: return sign(null, Buffer.from(signed), privateKey);
    }
  };
  return {
    alg,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg, use: 'sig' },
    /** A token good for a day; each `subject` makes another one. */
    token(subject = 'alice') {
      const exp = Math.floor(Date.now() / 1000) + 86_400;
      const claims = { iss: ISSUER, aud: AUDIENCE, sub: subject, client_id: 'bench', scope: SCOPES, exp };
      const signed = `${part({ alg, kid: 'k' })}.${part(claims)}`;
      return `${signed}.${signature(signed).toString('base64url')}`;
    },
    tokens(count) {
      return Array.from({ length: count }, (_, n) => this.token(`user-${n}`));
    },
  };
}
