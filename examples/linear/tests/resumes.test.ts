import { expect, it, vi } from 'vitest';

import issues from '../syncs/issues.js';

const page = (nodes: object[], endCursor: string | null) => ({ data: { data: { issues: { nodes, pageInfo: { hasNextPage: endCursor !== null, endCursor } } } } });

it('goes on from the page that an interrupted run had reached, and from its first page the next time', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'resumes', Model: 'Issue' });
    await nango.saveCheckpoint({ since: '2026-01-01T00:00:00.000Z', after: 'c1', next: '2026-01-09T00:00:00.000Z' });
    nango.post = vi.fn().mockResolvedValueOnce(page([{ id: 'x', updatedAt: '2026-01-05T00:00:00.000Z', archivedAt: '2026-01-05T00:00:00.000Z' }], null));

    await issues.exec(nango);

    expect(nango.post.mock.calls[0][0].data.variables).toEqual({ after: 'c1', filter: { updatedAt: { gte: '2026-01-01T00:00:00.000Z' } } });
    expect(await nango.getCheckpoint()).toEqual({ since: '2026-01-09T00:00:00.000Z', after: '', next: '' });
});

it('keeps its place when nothing has changed', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'resumes', Model: 'Issue' });
    await nango.saveCheckpoint({ since: '2026-01-09T00:00:00.000Z', after: '', next: '' });
    nango.post = vi.fn().mockResolvedValueOnce(page([], null));

    await issues.exec(nango);

    expect(await nango.getCheckpoint()).toEqual({ since: '2026-01-09T00:00:00.000Z', after: '', next: '' });
});

it('takes errors that come with status 200 for what they are', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'resumes', Model: 'Issue' });
    nango.post = vi.fn().mockResolvedValueOnce({ data: { errors: [{ message: 'Query too complex', extensions: { code: 'INPUT_ERROR' } }] } });

    await expect(issues.exec(nango)).rejects.toMatchObject({ payload: { code: 'input_error', message: 'Query too complex' } });
});
