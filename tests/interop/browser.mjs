// A browser without a screen: it opens an authorization URL, signs in on the provider's own page, agrees on its page of
// consent, and gives the URL to which the provider sends the user back. That one is not opened.
import { load } from 'cheerio';
import { CookieJar } from 'tough-cookie';

// A login, a consent, and the redirects between them.
const MAX_PAGES = 20;

export class Browser {
  // Cookies for http on loopback are kept although they are marked `Secure`, as browsers do.
  #jar = new CookieJar();

  /** Signs in as a user whose password is the name. The provider's error comes back like a code: in the URL. */
  async login(url, user) {
    const redirect = new URL(url).searchParams.get('redirect_uri');
    let request = { url, method: 'GET' };
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const response = await this.#open(request);
      const location = response.headers.get('location');
      if (location) {
        const next = new URL(location, request.url);
        if (next.href.startsWith(redirect)) return next.href;
        request = { url: next.href, method: 'GET' };
      } else {
        request = fillIn(await response.text(), request.url, user, response.status);
      }
    }
    throw new Error(`no end of pages at ${request.url}`);
  }

  async #open({ url, method, body }) {
    const cookie = await this.#jar.getCookieString(url);
    const headers = { accept: 'text/html', ...(cookie && { cookie }) };
    const response = await fetch(url, { method, body, headers, redirect: 'manual', signal: AbortSignal.timeout(60_000) });
    for (const set of response.headers.getSetCookie()) await this.#jar.setCookie(set, url, { ignoreError: true });
    return response;
  }
}

/** The request that a page's form makes once a user has filled it in. */
function fillIn(html, url, user, status) {
  const $ = load(html);
  const submits = 'button:not([type]), [type=submit]';
  const form = $('form[method=post i]').filter((_, found) => $(found).find(submits).length > 0).first();
  if (!form.length) throw new Error(`no form at ${url} (${status}): ${$('body').text().replace(/\s+/g, ' ').trim().slice(0, 300)}`);
  if (form.find('[type=password]').length) {
    if ($('[id=input-error]').length) throw new Error(`${user} cannot sign in: ${$('[id=input-error]').text().trim()}`);
    form.find('[type=password]').val(user);
    form.find('input[name=username], input[name=login]').val(user);
  } else {
    // A page of consent: every scope.
    form.find('[type=checkbox]:not(:disabled)').attr('checked', 'checked');
  }
  const fields = new URLSearchParams(form.serializeArray().map(({ name, value }) => [name, value]));
  const submit = form.find(submits).filter((_, found) => !['cancel', 'reject'].includes($(found).attr('name'))).first();
  if (submit.attr('name')) fields.set(submit.attr('name'), submit.attr('value') ?? '');
  return { url: new URL(form.attr('action') || url, url).href, method: 'POST', body: fields };
}
