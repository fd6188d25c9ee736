// Prints a Keycloak realm for one MCP server behind toolgate, for `kc.sh start-dev --import-realm`.
//
//   node tools/keycloak/realm.mjs RESOURCE [SCOPE | SCOPE=ROLE]... [--secret SECRET] [--users] [--cimd]
//
// RESOURCE is the URL of the MCP server, as in `resources[].resource`. Without scopes: `mcp:read`, `mcp:write`, and
// `mcp:admin=mcp-admin`. SCOPE=ROLE is a scope for users with that role only. --users adds `alice`, who has every role,
// and `bob`, who has none; their passwords are their names. --cimd lets clients be known by their Client ID Metadata
// Document, over http and on loopback: for tests, with Keycloak's experimental feature of that name.
//
// docs/providers/keycloak.md says why each part is there.
import { parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { secret: { type: 'string', default: 'CHANGE-ME' }, users: { type: 'boolean' }, cimd: { type: 'boolean' } },
});
const [resource, ...named] = positionals;
if (!resource) {
  console.error('usage: realm.mjs RESOURCE [SCOPE | SCOPE=ROLE]... [--secret SECRET] [--users] [--cimd]');
  process.exit(2);
}

const CLIENT = {
  enabled: true,
  protocol: 'openid-connect',
  directAccessGrantsEnabled: false,
  implicitFlowEnabled: false,
  fullScopeAllowed: false,
};
const IN_ACCESS_TOKENS = { 'access.token.claim': 'true', 'introspection.token.claim': 'true' };
const mapper = (name, protocolMapper, config) => ({ name, protocol: 'openid-connect', protocolMapper, config });

console.log(JSON.stringify(realm(named.length ? named : ['mcp:read', 'mcp:write', 'mcp:admin=mcp-admin']), undefined, 2));

function realm(named) {
  const scopes = named.map((text) => ({ name: text.split('=')[0], role: text.split('=')[1] }));
  const roles = scopes.filter(({ role }) => role);
  return {
    realm: 'mcp',
    enabled: true,
    sslRequired: 'external',
    accessTokenLifespan: 300,
    // A file that names client scopes gets no built-in ones but `offline_access`.
    clientScopes: [subject(), level(), ...scopes.map(({ name }) => mcpScope(name))],
    // Every client has the first, and may ask for the second.
    defaultDefaultClientScopes: ['basic', 'acr'],
    defaultOptionalClientScopes: scopes.map(({ name }) => name),
    roles: { realm: roles.map(({ name, role }) => ({ name: role, description: `May be granted ${name}` })) },
    // Keycloak leaves such a scope out of the tokens of all others, without an error.
    scopeMappings: roles.map(({ name, role }) => ({ clientScope: name, roles: [role] })),
    ...(options.users && { users: [user('alice', roles.map(({ role }) => role)), user('bob', [])] }),
    clients: [preregistered(), introspecting()],
    components: { 'org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy': registration() },
    ...(options.cimd && documents()),
  };
}

function clientScope(name, protocolMappers, { description, isAsked }) {
  return {
    name,
    description,
    protocol: 'openid-connect',
    attributes: {
      // Whether it is in the claim `scope`, and a user is asked to agree to it.
      'include.in.token.scope': String(isAsked),
      'display.on.consent.screen': String(isAsked),
      ...(isAsked && { 'consent.screen.text': description }),
    },
    protocolMappers,
  };
}

function subject() {
  const time = { 'user.session.note': 'AUTH_TIME', 'claim.name': 'auth_time', 'jsonType.label': 'long', 'id.token.claim': 'true' };
  return clientScope('basic', [
    mapper('sub', 'oidc-sub-mapper', IN_ACCESS_TOKENS),
    mapper('auth_time', 'oidc-usersessionmodel-note-mapper', { ...time, ...IN_ACCESS_TOKENS }),
  ], { description: 'The subject, and when it signed in', isAsked: false });
}

// For rules with `acr`.
function level() {
  const config = { 'id.token.claim': 'true', ...IN_ACCESS_TOKENS };
  return clientScope('acr', [mapper('acr', 'oidc-acr-mapper', config)], { description: 'The level of authentication', isAsked: false });
}

// A token is for the MCP server whenever one of these scopes was granted, and only then.
function mcpScope(name) {
  const audience = mapper('audience', 'oidc-audience-mapper', {
    'included.custom.audience': resource, 'id.token.claim': 'false', ...IN_ACCESS_TOKENS,
  });
  const texts = {
    'mcp:read': 'Read with the MCP tools',
    'mcp:write': 'Change things with the MCP tools',
    'mcp:admin': 'Administer with the MCP tools',
  };
  return clientScope(name, [audience], { description: texts[name] ?? name, isAsked: true });
}

// Many clients ask for `offline_access`, whose role comes with the default ones. Users of a file get none by themselves.
function user(name, roles) {
  const firstName = name[0].toUpperCase() + name.slice(1);
  return {
    username: name,
    enabled: true,
    emailVerified: true,
    email: `${name}@example.com`,
    firstName,
    lastName: 'Example',
    credentials: [{ type: 'password', value: name, temporary: false }],
    realmRoles: ['default-roles-mcp', ...roles],
  };
}

// For MCP clients that are told a client id: public, with PKCE, on loopback only.
function preregistered() {
  return {
    clientId: 'mcp-cli',
    name: 'MCP client',
    ...CLIENT,
    publicClient: true,
    standardFlowEnabled: true,
    redirectUris: ['http://127.0.0.1/*', 'http://localhost/*'],
    webOrigins: ['+'],
    attributes: { 'pkce.code.challenge.method': 'S256' },
  };
}

// toolgate itself, to ask the introspection endpoint. Keycloak calls every token inactive that has not the asking client in
// `aud`: hence its id is the resource, which the audience mapper puts there.
function introspecting() {
  return {
    clientId: resource,
    name: 'toolgate',
    ...CLIENT,
    publicClient: false,
    secret: options.secret,
    clientAuthenticatorType: 'client-secret',
    standardFlowEnabled: false,
    serviceAccountsEnabled: false,
  };
}

// Who may register without a token: Keycloak refuses everyone unless `Trusted Hosts` says otherwise.
function registration() {
  const policy = (name, providerId, config, subType = 'anonymous') => ({ name, providerId, subType, subComponents: {}, config });
  const scopes = { 'allow-default-scopes': ['true'] };
  const mappers = {
    'allowed-protocol-mapper-types': [
      'oidc-usermodel-attribute-mapper', 'oidc-usermodel-property-mapper', 'oidc-full-name-mapper', 'oidc-address-mapper',
    ],
  };
  return [
    // From anywhere, but every URL of the client is on one of these hosts: redirects, home page, logo. They are loopback,
    // the MCP Inspector's home page, VS Code, Cursor and Claude.
    policy('Trusted Hosts', 'trusted-hosts', {
      'trusted-hosts': [
        '127.0.0.1', 'localhost', 'github.com', 'vscode.dev', 'insiders.vscode.dev', 'code.visualstudio.com',
        'anysphere.cursor-mcp', 'claude.ai', 'claude.com',
      ],
      'host-sending-registration-request-must-match': ['false'],
      'client-uris-must-match': ['true'],
    }),
    // Pages in a browser that register themselves: the Inspector's.
    policy('Allowed Registration Web Origins', 'registration-web-origins', {
      'web-origins': ['http://127.0.0.1:6274', 'http://localhost:6274'],
    }),
    policy('Consent Required', 'consent-required', {}),
    policy('Full Scope Disabled', 'scope', {}),
    policy('Max Clients Limit', 'max-clients', { 'max-clients': ['200'] }),
    policy('Allowed Client Scopes', 'allowed-client-templates', scopes),
    policy('Allowed Protocol Mapper Types', 'allowed-protocol-mappers', mappers),
    policy('Allowed Client Scopes', 'allowed-client-templates', scopes, 'authenticated'),
    policy('Allowed Protocol Mapper Types', 'allowed-protocol-mappers', mappers, 'authenticated'),
    policy('Allowed Registration Web Origins', 'registration-web-origins', {}, 'authenticated'),
  ];
}

// In production: https only, and the hosts of the clients that you trust.
function documents() {
  const hosts = ['127.0.0.1', 'localhost'];
  const executor = {
    'cimd-allow-http-scheme': true, 'cimd-allow-permitted-domains': hosts, 'cimd-restrict-same-domain': false,
    'only-allow-confidential-client': false, 'cimd-required-properties': [],
  };
  const condition = { 'client-id-uri-scheme': ['https', 'http'], 'client-id-uri-allow-permitted-domains': hosts };
  return {
    clientProfiles: {
      profiles: [{ name: 'cimd', executors: [{ executor: 'client-id-metadata-document', configuration: executor }] }],
    },
    clientPolicies: {
      policies: [{
        name: 'cimd', enabled: true, profiles: ['cimd'], conditions: [{ condition: 'client-id-uri', configuration: condition }],
      }],
    },
  };
}
