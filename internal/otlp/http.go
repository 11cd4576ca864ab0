package otlp

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	mediaProto = "application/x-protobuf"
	mediaJSON  = "application/json"
)

// ServeHTTP answers POST /v1/traces as OTLP wants it. Who may ask was decided before.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !r.enter(req.Context()) {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		r.Refuse(w, req, http.StatusTooManyRequests, "too many requests are being read; send it again later")
		return
	}
	defer r.leave()
	media := mediaOf(req)
	if media == "" {
		r.Refuse(w, req, http.StatusUnsupportedMediaType, "send "+mediaProto+" or "+mediaJSON)
		return
	}
	body, status, why := unpack(req)
	if status != 0 {
		r.Refuse(w, req, status, why)
		return
	}
	var request v1.ExportTraceServiceRequest
	if err := decode(media, body, &request); err != nil {
		r.Refuse(w, req, http.StatusBadRequest, "the body is not an ExportTraceServiceRequest")
		return
	}
	reply(w, media, http.StatusOK, r.Take(&request, time.Now()))
}

// Refuse answers with a status and OTLP's own form of an error.
func (r *Receiver) Refuse(w http.ResponseWriter, req *http.Request, status int, why string) {
	media := mediaOf(req)
	if media == "" {
		media = mediaJSON
	}
	reply(w, media, status, &statuspb.Status{Code: int32(codeOf(status)), Message: why})
}

func codeOf(status int) codes.Code {
	switch status {
	case http.StatusBadRequest, http.StatusUnsupportedMediaType:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.Internal
}

func mediaOf(req *http.Request) string {
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err == nil && (media == mediaProto || media == mediaJSON) {
		return media
	}
	return ""
}

// unpack reads a body and bounds it after it was unpacked: a kilobyte of gzip may be a
// megabyte of zeros.
func unpack(req *http.Request) (body []byte, status int, why string) {
	var from io.Reader = req.Body
	switch encoding := req.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(req.Body)
		if err != nil {
			return nil, http.StatusBadRequest, "the body is not gzip"
		}
		from = unzipped
	default:
		return nil, http.StatusUnsupportedMediaType, "send it plain or with gzip"
	}
	var out bytes.Buffer
	_, err := out.ReadFrom(io.LimitReader(from, MaxBody+1))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), out.Len() > MaxBody:
		return nil, http.StatusRequestEntityTooLarge, "send at most " + strconv.Itoa(MaxBody) + " bytes, unpacked; smaller batches help"
	case err != nil:
		return nil, http.StatusBadRequest, "the body could not be read to its end"
	}
	return out.Bytes(), 0, ""
}

func decode(media string, body []byte, to *v1.ExportTraceServiceRequest) error {
	if media == mediaProto {
		return proto.Unmarshal(body, to)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, to); err != nil {
		return err
	}
	for _, rs := range to.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				s.TraceId, s.SpanId = fromHex(s.GetTraceId()), fromHex(s.GetSpanId())
			}
		}
	}
	return nil
}

// fromHex reads an id as OTLP writes it in JSON: in hexadecimal, where every other field
// of bytes is base64. Hexadecimal digits are base64 as well, so the reader has read them
// as that, and what stood there is found by writing it again.
func fromHex(read []byte) []byte {
	id, err := hex.DecodeString(base64.StdEncoding.EncodeToString(read))
	if err != nil {
		return nil
	}
	return id
}

func reply(w http.ResponseWriter, media string, status int, m proto.Message) {
	var body []byte
	var err error
	if media == mediaProto {
		body, err = proto.Marshal(m)
	} else {
		body, err = protojson.Marshal(m)
	}
	if err != nil { // messages of our own always marshal
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the sender may have gone
}
