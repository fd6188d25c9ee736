// Ory Hydra, built by Go as for `make providers`, with the application for login and consent that it needs.
import { createServer } from 'node:http';
import { HYDRA, HYDRA_BINARY } from './builds.mjs';
import { freePort } from '../../demo/processes.mjs';
import { BASE_ENV, READY_SECONDS, answers, loopback } from './gate.mjs';
import { ensure } from './install.mjs';
import { http } from './oauth.mjs';

// It makes its keys for the first who asks for metadata, and begins again if that one goes away.
const KEYS_MS = 60_000;

export const installHydra = (processes) => ensure(processes, 'Ory Hydra', HYDRA);

/** Starts it, in memory, for tokens whose audience is `resource`. */
export async function startHydra(processes, { folder, resource }) {
  const [port, admin] = [await freePort(0), await freePort(0)];
  const [issuer, adminUrl] = [loopback(port), loopback(admin)];
  const application = await startApplication(adminUrl, resource);
  const since = Date.now();
  const started = processes.start('Ory Hydra', [HYDRA_BINARY, 'serve', 'all', '--dev'], {
    log: `${folder}/hydra-server.log`,
    env: {
      ...BASE_ENV, DSN: 'memory', STRATEGIES_ACCESS_TOKEN: 'jwt', SECRETS_SYSTEM: 'of this test and of no one else', SQA_OPT_OUT: 'true',
      OIDC_DYNAMIC_CLIENT_REGISTRATION_ENABLED: 'true',
      // Else its metadata does not say where clients register.
      WEBFINGER_OIDC_DISCOVERY_CLIENT_REGISTRATION_URL: `${issuer}/oauth2/register`, URLS_SELF_ISSUER: issuer, URLS_LOGIN: `${application}/login`, URLS_CONSENT: `${application}/consent`,
      SERVE_PUBLIC_HOST: '127.0.0.1', SERVE_PUBLIC_PORT: String(port), SERVE_ADMIN_HOST: '127.0.0.1', SERVE_ADMIN_PORT: String(admin),
    },
  });
  const isReady = async () => (await answers(`${adminUrl}/health/ready`)) && answers(`${issuer}/.well-known/openid-configuration`, 200, KEYS_MS);
  await processes.ready(started, isReady, READY_SECONDS);
  return { issuer, admin: adminUrl, seconds: (Date.now() - since) / 1000 };
}

/** A client that was made beforehand. */
export async function makeClient({ admin }, client) {
  const { status, body } = await http('POST', `${admin}/admin/clients`, { json: client });
  if (status !== 201) throw new Error(`Hydra makes no client: ${status} ${JSON.stringify(body)}`);
}

/** The pages for login and consent, in this process: Hydra has none. Its user's password is the name. */
async function startApplication(admin, resource) {
  const accept = async (kind, challenge, json) => {
    const { body } = await http('PUT', `${admin}/admin/oauth2/auth/requests/${kind}/accept?${kind}_challenge=${challenge}`, { json });
    return body.redirect_to;
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1');
    const [kind, challenge] = [pathname.slice(1), searchParams.get(`${pathname.slice(1)}_challenge`)];
    try {
      if (request.method === 'GET') return response.setHeader('content-type', 'text/html').end(FORMS[kind]);
      const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
      const location = kind === 'login'
        ? await accept(kind, challenge, { subject: form.get('username') })
        : await accept(kind, challenge, await consent(challenge));
      response.writeHead(303, { location }).end();
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  // Hydra ignores `resource` (RFC 8707): the application says for whom the token is.
  const consent = async (challenge) => {
    const { body } = await http('GET', `${admin}/admin/oauth2/auth/requests/consent?consent_challenge=${challenge}`);
    return { grant_scope: body.requested_scope, grant_access_token_audience: [resource] };
  };
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return loopback(server.address().port);
}

const FORMS = {
  login: '<form method="post"><input name="username"><input name="password" type="password"><button>Sign in</button></form>',
  consent: '<form method="post"><button>Allow</button></form>',
};
