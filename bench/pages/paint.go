package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

const paintLooks = 15

// paints opens the front page in a browser and says when it painted, counted from the
// first byte of the answer.
func paints(h http.Handler) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Println("chromium is not installed: when a browser paints is not measured")
		return nil
	}
	server := httptest.NewServer(h)
	defer server.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, cancel := chromedp.NewContext(allocator)
	defer cancel()
	var took []float64
	for range paintLooks {
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/"), chromedp.Sleep(300*time.Millisecond)); err != nil {
			return err
		}
		ms, err := chromedp.Run(ctx, chromedp.Evaluate[float64](
			`performance.getEntriesByName("first-contentful-paint")[0].startTime - performance.getEntriesByType("navigation")[0].responseStart`))
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	slices.Sort(took)
	fmt.Printf("first paint after the first byte of the answer: middle %.0f ms, most %.0f ms of %d\n", took[len(took)/2], took[len(took)-1], len(took))
	return nil
}
