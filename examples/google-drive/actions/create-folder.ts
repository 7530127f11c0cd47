import { createAction } from 'causeway';
import * as z from 'zod';

const NewFolder = z.object({
    name: z.string().min(1),
    parent_id: z.string().optional().describe('the folder that it is made in; My Drive if left out')
});

export default createAction({
    description: 'Makes a folder',
    scopes: ['https://www.googleapis.com/auth/drive.file'],
    input: NewFolder,
    output: z.object({ id: z.string(), url: z.string() }),

    exec: async (nango, input) => {
        const { data: folder } = await nango.zodValidateInput({ zodSchema: NewFolder, input });
        const { data: created } = await nango.post<{ id: string; webViewLink: string }>({
            // https://developers.google.com/workspace/drive/api/guides/folder
            endpoint: '/drive/v3/files',
            params: { fields: 'id,webViewLink', supportsAllDrives: true },
            data: {
                name: folder.name,
                mimeType: 'application/vnd.google-apps.folder',
                ...(folder.parent_id && { parents: [folder.parent_id] })
            }
        });
        return { id: created.id, url: created.webViewLink };
    }
});
