import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./styles/panel.css";
import { createTheme, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient, router } from "./router.tsx";

const theme = createTheme({ cursorType: "pointer", respectReducedMotion: true });

const container = document.getElementById("panel");
if (container === null) throw new Error("index.html has no place for the panel");

createRoot(container).render(
  <StrictMode>
    {/* Style elements are forbidden by the Content-Security-Policy: variables and classes come from stylesheets. */}
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <Notifications position="bottom-right" />
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
