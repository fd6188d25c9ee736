// The steps of an OAuth client, one by one, for walks that want to see each of them.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { Browser } from './browser.mjs';

// Nothing listens there: the browser does not open it.
export const REDIRECT = 'http://127.0.0.1:33341/callback';

/** A request, and its answer with the body read: `{ status, headers, body }`. Bodies that are objects go as JSON. */
export async function http(method, url, { headers, json, form } = {}) {
  const body = json === undefined ? form && new URLSearchParams(form) : JSON.stringify(json);
  const type = json === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(url, { method, body, headers: { ...type, ...headers }, redirect: 'manual', signal: AbortSignal.timeout(60_000) });
  const text = await response.text();
  let read = text;
  try {
    read = JSON.parse(text);
  } catch {
    // Not JSON: as it came.
  }
  return { status: response.status, headers: response.headers, body: read };
}

/** The metadata of an authorization server (RFC 8414 section 3.1). */
export async function metadata(issuer) {
  const { origin, pathname } = new URL(issuer);
  return http('GET', `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`);
}

/**
 * Authorization code with PKCE: the answer of the token endpoint, or the parameters with which the authorization
 * endpoint refused. `proof` makes it ask for a token that is bound to a key.
 */
export async function login(server, { client, secret, user, scope, resource, redirect = REDIRECT, proof, browser = new Browser() }) {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: 'code', client_id: client, redirect_uri: redirect, scope, state: 'here', ...(resource && { resource }),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  const back = Object.fromEntries(new URL(await browser.login(url.href, user)).searchParams);
  if (!back.code) return back;
  const { body } = await http('POST', server.token_endpoint, {
    headers: proof && { dpop: await proof.sign('POST', server.token_endpoint) },
    form: {
      grant_type: 'authorization_code', code: back.code, redirect_uri: redirect, client_id: client, code_verifier: verifier,
      ...(secret && { client_secret: secret }), ...(resource && { resource }),
    },
  });
  return body;
}

export const refresh = (server, { client, token }) =>
  http('POST', server.token_endpoint, { form: { grant_type: 'refresh_token', refresh_token: token, client_id: client } });

/** A key of a client, and its proofs of possession (RFC 9449). */
export class Proof {
  static async make() {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const proof = new Proof();
    proof.key = privateKey;
    proof.jwk = await exportJWK(publicKey);
    proof.thumbprint = await calculateJwkThumbprint(proof.jwk);
    return proof;
  }

  sign(method, url, { token, at = Math.floor(Date.now() / 1000) } = {}) {
    const ath = token && { ath: createHash('sha256').update(token).digest('base64url') };
    return new SignJWT({ htm: method, htu: url, jti: randomUUID(), iat: at, ...ath })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.jwk })
      .sign(this.key);
  }
}
