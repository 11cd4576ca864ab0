import FuelAuth from 'fuel-auth';
import { CHILD, assert, control, expectations, plainURL, register, tokenRequests } from './harness.mjs';

export const authOf = (client, accountId = client.mid, url = plainURL) =>
    new FuelAuth({
        clientId: client.client_id,
        clientSecret: client.client_secret,
        authUrl: `${url}v2/token`,
        authOptions: { authVersion: 2, accountId },
    });

await expectations('fuel-auth', {
    'a token is kept until it is invalidated': async () => {
        const client = await register();
        const auth = authOf(client, CHILD);
        const first = await auth.getAccessToken();
        assert.equal(first.expires_in, 1079);
        assert.equal((await auth.getAccessToken()).accessToken, first.access_token);
        auth.invalidateToken(first.access_token);
        assert.notEqual((await auth.getAccessToken()).accessToken, first.access_token);
        assert.equal(await tokenRequests(client), 2);
    },
    'an error body is handed on without a token': async () => {
        const client = await register();
        await control('POST', `clients/${client.client_id}/disable`);
        const answer = await authOf(client).getAccessToken();
        assert.equal(answer.accessToken, null);
        assert.equal(answer.error, 'invalid_client');
    },
    'a refresh token works once and comes with the next one': async () => {
        const redirect = 'https://app.example.com/callback';
        const client = await register({ kind: 'web_app', redirect_uri: redirect });
        const query = new URLSearchParams({ response_type: 'code', client_id: client.client_id, redirect_uri: redirect, state: 's1' });
        const signIn = await fetch(`${plainURL}v2/authorize?${query}`, { redirect: 'manual' });
        const back = new URL(signIn.headers.get('location'));
        assert.equal(back.searchParams.get('state'), 's1');
        const auth = new FuelAuth({
            clientId: client.client_id,
            clientSecret: client.client_secret,
            authUrl: `${plainURL}v2/token`,
            authOptions: { authVersion: 2, applicationType: 'web', redirectURI: redirect, authorizationCode: back.searchParams.get('code') },
        });
        const first = await auth.getAccessToken();
        const used = auth.refreshToken;
        assert.ok(first.access_token && used);
        const second = await auth.getAccessToken({ force: true });
        assert.ok(second.access_token);
        assert.notEqual(auth.refreshToken, used);
        auth.refreshToken = used;
        assert.equal((await auth.getAccessToken({ force: true })).error, 'invalid_grant');
    },
    'a legacy package gets a v1 token': async () => {
        const client = await register({ kind: 'legacy_package' });
        const auth = new FuelAuth({ clientId: client.client_id, clientSecret: client.client_secret, authUrl: `${plainURL}v1/requestToken` });
        const answer = await auth.getAccessToken();
        assert.equal(answer.expiresIn, 3600);
        assert.ok(answer.accessToken);
    },
});
