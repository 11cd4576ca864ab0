package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // so that senders may compress
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"keepwatch"
)

// Admit decides by a request's authorization, such as "Bearer kw_…", whether its sender
// may push. Its error wraps one of the kinds of package keepwatch.
type Admit func(ctx context.Context, authorization string) error

// Server returns a gRPC server that takes spans; its Serve, GracefulStop and Stop are the
// caller's. config is nil for plain text.
func (r *Receiver) Server(admit Admit, config *tls.Config) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxBody), grpc.MaxConcurrentStreams(64), grpc.ConnectionTimeout(10 * time.Second), grpc.MaxHeaderListSize(16 << 10),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 5 * time.Minute}),
	}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	s := grpc.NewServer(options...)
	s.RegisterService(r.service(admit), nil)
	return s
}

// service is OTLP's service with a handler of its own: the generated one decodes before
// anybody can ask who sent the message.
func (r *Receiver) service(admit Admit) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: v1.TraceService_ServiceDesc.ServiceName, Metadata: v1.TraceService_ServiceDesc.Metadata, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			return r.export(ctx, admit, decode)
		}}},
	}
}

func (r *Receiver) export(ctx context.Context, admit Admit, decode func(any) error) (any, error) {
	if err := admit(ctx, authorization(ctx)); err != nil {
		return nil, refused(err)
	}
	if !r.enter(ctx) {
		return nil, status.Error(codes.Unavailable, "too many requests are being read; send it again later")
	}
	defer r.leave()
	var request v1.ExportTraceServiceRequest
	if err := decode(&request); err != nil {
		return nil, err
	}
	return r.Take(&request, time.Now()), nil
}

func authorization(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if all := md.Get("authorization"); len(all) > 0 {
		return all[0]
	}
	return ""
}

// refused never repeats what was sent.
func refused(err error) error {
	switch {
	case errors.Is(err, keepwatch.ErrUnauthorized):
		return status.Error(codes.Unauthenticated, "send authorization: Bearer kw_…, a token of the role pusher")
	case errors.Is(err, keepwatch.ErrForbidden):
		return status.Error(codes.PermissionDenied, "this token may not push; make one of the role pusher")
	}
	return status.Error(codes.Unavailable, "the token could not be looked up; send it again later")
}
